"""Rerankers that score each text by itself: best excerpt, missing scores, failures, real small models."""

import asyncio
import json

import pytest
import torch
from click.testing import CliRunner
from rerank_server import Reply, chat_server
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from encoders.errors import InvalidInputError, ModelError
from retriever.rerank.commands import rerank
from retriever.rerank.errors import NoAnswerError, RankingFailedError
from retriever.rerank.http_scoring import EndpointScorer, ScoringSettings
from retriever.rerank.loading import ModelChoice, load_reranker
from retriever.rerank.passages import candidates_from_texts
from retriever.rerank.scoring import BATCH, ScoringOptions, ScoringReranker
from retriever.rerank.transport import CallLimits
from retriever.rerank.types import Candidate, Excerpt, TextScores, TokenUsage


class WordScorer:
    """Scores by how often the query's first word stands in a text; None for texts with "silent"."""

    name = "words"

    def __init__(self, *, fails=0, stall_s=0.0):
        self.fails = fails
        self.stall_s = stall_s
        self.calls = []

    async def score(self, query, texts):
        self.calls.append(list(texts))
        number = len(self.calls)
        await asyncio.sleep(self.stall_s)
        if number <= self.fails:
            raise NoAnswerError("the model is away")
        scores = tuple(None if "silent" in text else float(text.split().count(query)) for text in texts)
        return TextScores(scores=scores, usage=TokenUsage(read=len(texts)))


def test_a_candidate_is_as_good_as_its_best_excerpt():
    scorer = WordScorer()
    candidates = [
        Candidate(id="a", excerpts=(Excerpt("tide"), Excerpt("bread", 9)), score=2.0),
        Candidate(id="b", excerpts=(Excerpt("bread"), Excerpt("tide tide", 9)), title="B", score=1.0),
    ]
    result = ScoringReranker(scorer).rerank("tide", candidates)
    assert [(item.id, item.score, item.first_score) for item in result] == [("b", 2.0, 1.0), ("a", 1.0, 2.0)]
    assert scorer.calls == [["tide", "bread", "B: bread", "B: tide tide"]]
    assert (result.status, result.policy, result.usage.read) == ("ok", "scores", 4)


def test_equal_scores_stay_in_first_stage_order_and_top_cuts():
    result = ScoringReranker(WordScorer()).rerank("tide", candidates_from_texts(["x", "tide", "y"]), top=2)
    assert result.order == (1, 0)


def test_what_got_no_score_follows_and_is_told():
    result = ScoringReranker(WordScorer()).rerank("tide", candidates_from_texts(["silent", "x", "tide"]))
    assert result.order == (2, 1, 0)
    assert (result.status, result.counts.missing, result.reasons) == (
        "repaired",
        1,
        ("1 texts without a score",),
    )


def test_a_batch_that_fails_does_not_take_the_others_along():
    texts = ["tide"] * BATCH + ["tide tide"]
    result = ScoringReranker(WordScorer(fails=1)).rerank("tide", candidates_from_texts(texts))
    assert result.order[0] == BATCH
    assert [call.status for call in result.calls] == ["failed", "ok"]
    assert (result.status, result.reasons) == ("repaired", ("the model is away",))


def test_no_score_at_all_is_a_failure_or_an_error_as_asked():
    candidates = candidates_from_texts(["a", "b"])
    kept = ScoringReranker(WordScorer(fails=9)).rerank("tide", candidates)
    assert (kept.status, kept.order) == ("failed", (0, 1))
    with pytest.raises(RankingFailedError, match="the model is away"):
        ScoringReranker(WordScorer(fails=9), ScoringOptions(on_failure="raise")).rerank("tide", candidates)


def test_a_deadline_ends_the_calls():
    late = ScoringReranker(WordScorer(stall_s=5.0), ScoringOptions(deadline_s=0.05))
    result = late.rerank("tide", candidates_from_texts(["a"]))
    assert (result.status, result.reasons) == ("failed", ("no scores within 0.05 s",))


def test_nothing_to_rank_needs_no_call():
    scorer = WordScorer()
    assert ScoringReranker(scorer).rerank("tide", []).order == ()
    assert not scorer.calls


def test_bad_requests_are_refused():
    with pytest.raises(InvalidInputError):
        ScoringReranker(WordScorer()).rerank(" ", candidates_from_texts(["a"]))
    with pytest.raises(InvalidInputError):
        ScoringOptions(deadline_s=0)
    with pytest.raises(InvalidInputError):
        ScoringSettings(url="localhost", model="m")


def results(*pairs, **more):
    found = [{"index": place, "relevance_score": score} for place, score in pairs]
    return Reply(body=json.dumps({"results": found, **more}).encode())


def ask(behave, texts=("a", "b", "c"), **limits):
    with chat_server(behave) as (url, seen):
        quick = CallLimits(backoff_s=0.01, attempts=2, **limits)
        scorer = EndpointScorer(ScoringSettings(url=f"{url}/rerank", model="m", limits=quick))
        return ScoringReranker(scorer).rerank("q", candidates_from_texts(texts)), seen


def test_an_endpoint_is_asked_in_the_common_form(monkeypatch):
    monkeypatch.setenv("LONGDOC_RERANK_KEY", "secret")
    result, seen = ask(results((2, 0.9), (0, 0.5), (1, 0.1), usage={"total_tokens": 12}).always)
    assert result.order == (2, 0, 1)
    assert (result.status, result.usage) == ("ok", TokenUsage(read=12))
    assert seen.requests == [{"model": "m", "query": "q", "documents": ["a", "b", "c"], "top_n": 3}]
    assert seen.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("reply", "order", "status"),
    [
        (results((1, 0.5)), (1, 0, 2), "repaired"),
        (results((1, 0.5), (1, 9.0), (0, 0.6), (2, 0.1)), (0, 1, 2), "repaired"),
        (results((7, 0.9), (-1, 0.9), ("1", 0.9), (True, 0.9), (2, 0.1)), (2, 0, 1), "repaired"),
        (results((0, float("nan")), (1, "high"), (2, None)), (0, 1, 2), "failed"),
        (results(), (0, 1, 2), "failed"),
        (Reply(body=b'{"message": "model m is not loaded"}'), (0, 1, 2), "failed"),
        (Reply(body=b"<html>3 of 5</html>", status=502, kind="text/html"), (0, 1, 2), "failed"),
        (Reply(body=b'{"error": "no key"}', status=401), (0, 1, 2), "failed"),
    ],
)
def test_whatever_an_endpoint_says_the_result_is_a_permutation(reply, order, status):
    result, _ = ask(reply.always)
    assert (result.order, result.status) == (order, status)
    assert (result.status == "ok") == (not result.reasons)


def test_an_endpoint_is_asked_again_after_an_outage():
    def behave(_request, number):
        return Reply(body=b"{}", status=503) if number == 0 else results((0, 1.0), (1, 2.0))

    result, seen = ask(behave, texts=("a", "b"))
    assert (result.order, result.calls[0].attempts, len(seen.requests)) == ((1, 0), 2, 2)


def test_the_command_asks_an_endpoint():
    with chat_server(results((0, 0.1), (1, 0.9)).always) as (url, _seen):
        arguments = ["q", "-", "--kind", "endpoint", "--model", "m", "--url", f"{url}/rerank"]
        done = CliRunner().invoke(rerank, arguments, input="first\nsecond\n")
    assert done.exit_code == 0, done.output
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["second", "first"]


def test_kind_and_address_must_go_together():
    for choice in (
        ModelChoice(model="m", kind="endpoint"),
        ModelChoice(model="m", kind="cross_encoder", url="http://x"),
    ):
        with pytest.raises(InvalidInputError):
            load_reranker(choice)


WORDS = "the tide rises twice a day bread needs an hour".split()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A random cross-encoder and a random late-interaction model, saved as a user has them."""
    from sentence_transformers import CrossEncoder, MultiVectorEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    pieces = {piece: place for place, piece in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=64, **shape)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("rerankers")
    config.num_labels = 1
    BertForSequenceClassification(config).save_pretrained(folder / "cross")
    wrapped.save_pretrained(folder / "cross")
    BertModel(config).save_pretrained(folder / "bare")
    wrapped.save_pretrained(folder / "bare")
    MultiVectorEncoder(str(folder / "bare")).save(str(folder / "late"))
    return folder, CrossEncoder(str(folder / "cross"))


TEXTS = ["the tide rises", "bread needs an hour", "twice a day"]


def test_a_cross_encoder_orders_by_its_own_scores(folders):
    folder, model = folders
    wanted = model.predict([("the tide", text) for text in TEXTS])
    reranker = load_reranker(ModelChoice(model=str(folder / "cross"), kind="cross_encoder"))
    result = reranker.rerank("the tide", candidates_from_texts(TEXTS))
    assert list(result.order) == sorted(range(3), key=lambda place: -wanted[place])
    assert [item.score for item in result] == pytest.approx(sorted(wanted, reverse=True), abs=1e-5)
    assert (result.status, result.usage.estimated) == ("ok", False)


def test_late_interaction_orders_by_the_sum_of_best_matches(folders):
    from sentence_transformers import MultiVectorEncoder

    folder, _ = folders
    model = MultiVectorEncoder(str(folder / "late"))
    wanted = model.similarity(model.encode_query(["the tide"]), model.encode_document(TEXTS))[0].tolist()
    reranker = load_reranker(ModelChoice(model=str(folder / "late"), kind="late_interaction"))
    result = reranker.rerank("the tide", candidates_from_texts(TEXTS))
    assert list(result.order) == sorted(range(3), key=lambda place: -wanted[place])
    assert [item.score for item in result] == pytest.approx(sorted(wanted, reverse=True), abs=1e-4)


def test_a_folder_that_holds_no_model_is_named(tmp_path):
    with pytest.raises(ModelError, match="nothing"):
        load_reranker(ModelChoice(model=str(tmp_path / "nothing"), kind="cross_encoder"))
