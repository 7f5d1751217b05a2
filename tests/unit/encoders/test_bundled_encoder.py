import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encoders.errors import InputTooLongError, InvalidInputError, ModelError
from encoders.fast_tokenizer import load_tokenizer
from encoders.loading import bundled_folder, find_folder, load_encoder

ROUNDING = 2e-3
"""bfloat16 is rounded elsewhere in a row of another length, above all with AMX."""


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(threads=1)


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(bundled_folder())


def test_the_bundled_encoder_needs_no_options(encoder):
    assert (encoder.dim, encoder.max_tokens, encoder.tokenizer.special_tokens) == (384, 256, 2)
    assert encoder.forward_note == "packed: no padding"
    assert encoder.fingerprint["model"] == "sentence-transformers/all-MiniLM-L6-v2"
    vectors = encoder.encode(["who pays the rent?", "the tenant owes rent", "a recipe for bread"])
    assert vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] > 0.4 > vectors[0] @ vectors[2]


def test_empty_and_unreadable_texts_have_no_vector_and_say_so(encoder):
    found = encoder.embed(["", " \n", "\U0001f600"])
    assert not found.vectors[:2].any()
    assert [ledger.complete for ledger in found.coverage] == [True, True, False]
    assert encoder.embed([]).vectors.shape == (0, 384)


def test_overflow_splits_refuses_or_cuts_and_the_ledger_knows(encoder):
    text = "rent " * 600
    [ledger] = encoder.embed([text]).coverage
    assert (ledger.tokens, ledger.embedded, ledger.segments, ledger.truncated) == (600, 600, 3, False)
    with pytest.raises(InputTooLongError, match=r"texts\[1\] has 600 tokens and the encoder reads 254"):
        load_encoder(overflow="error", self_check=False).embed(["a", text])
    found = load_encoder(overflow="truncate", self_check=False).embed([text])
    assert (found.coverage[0].embedded, found.coverage[0].truncated) == (254, True)
    assert found.coverage[0].reasons == ("cut after 254 of 600 tokens",)
    np.testing.assert_allclose(found.vectors, encoder.encode(["rent " * 254]), atol=1e-6)


def test_a_document_of_any_length_has_one_vector(encoder):
    text = "The tenant pays the rent. " * 200
    single = encoder.encode_document(text)
    assert single.vectors.shape == (1, 384)
    assert single.coverage[0].complete
    assert single.coverage[0].segments == 5
    short = encoder.encode_document("The tenant pays.").vectors
    np.testing.assert_allclose(short, encoder.encode(["The tenant pays."]), atol=1e-6)
    assert np.abs(encoder.encode_document(text, temperature=0.0).vectors - single.vectors).max() > 1e-4


def test_matryoshka_and_prompts_change_the_fingerprint(encoder):
    small = load_encoder(dim=64, prompts={"query": "find: "}, self_check=False)
    full = encoder.encode(["rent"])[0, :64]
    np.testing.assert_allclose(small.encode(["rent"])[0], full / np.linalg.norm(full), atol=1e-6)
    np.testing.assert_allclose(
        small.encode(["rent"], kind="query")[0],
        small.encode(["find: rent"])[0],
        atol=1e-6,
    )
    assert small.fingerprint != encoder.fingerprint
    with pytest.raises(InvalidInputError, match="gives 384 dimensions, dim=400"):
        load_encoder(dim=400)
    with pytest.raises(InvalidInputError, match="leaves no room beside the special tokens"):
        load_encoder(max_tokens=3, prompts={"query": "find: "})


def test_a_wrong_name_says_what_names_there_are(tmp_path):
    with pytest.raises(ModelError, match="OWNER/MODEL on the hub, or 'bundled'"):
        load_encoder("no-such-model")
    with pytest.raises(ModelError, match="open it with load_http_encoder"):
        find_folder("http://localhost:8080")
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        load_encoder(str(tmp_path))
    with pytest.raises(TypeError, match="wrap it in a list"):
        load_encoder(self_check=False).encode("text")


def test_broken_weights_are_caught_at_the_start(tmp_path):
    from safetensors.numpy import load_file, save_file

    for file in bundled_folder().rglob("*.json"):
        target = tmp_path / file.relative_to(bundled_folder())
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(file.read_bytes())
    weights = load_file(bundled_folder() / "model.safetensors")
    table = next(name for name in weights if name.endswith("word_embeddings.weight"))
    save_file({**weights, table: np.zeros_like(weights[table])}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="gives broken vectors"):
        load_encoder(str(tmp_path))
    layer = next(name for name in weights if "layer.0.attention.self.query.weight" in name)
    save_file({n: w for n, w in weights.items() if n != layer}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="lacks 1 weights of its architecture"):
        load_encoder(str(tmp_path))


def test_words_that_wordpiece_gives_up_on_are_read_piece_by_piece(tokenizer):
    long_word, thai, hangul = "x7f" * 60, "ภาษาไทย" * 30, "한국어" * 50
    read = tokenizer.tokenize([long_word, thai, hangul, "SGVsbG8gd29ybGQh" * 100])
    assert read[0].known.all()
    assert 0.5 < read[1].known.mean() < 0.7
    assert read[2].known.all()
    assert read[3].known.all()
    for text, spans in zip([long_word, thai, hangul], read, strict=False):
        covered = {place for a, b in spans.offsets.tolist() for place in range(a, b)}
        assert covered == set(range(len(text)))


def test_words_that_are_known_keep_their_tokens_beside_unknown_ones(tokenizer):
    plain, mixed = tokenizer.read(["unaffable rent", "unaffable rent \U0001f600x " + "z" * 200])
    assert mixed.ids[: len(plain)].tolist() == plain.ids.tolist()


def test_names_of_special_tokens_in_a_text_are_plain_characters(tokenizer):
    [read] = tokenizer.read(["[SEP] [CLS]"])
    assert not {101, 102} & set(read.ids.tolist())


alphabet = st.sampled_from(
    ["a", "Z", "é", "e\u0301", "ß", "한", "ก", "\U0001f600", " ", "\n", "-", "東", "\u200b", "x" * 90]
)


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(alphabet, max_size=25), data=st.data())
def test_cutting_at_a_word_start_changes_no_token(tokenizer, parts, data):
    text = "".join(parts)
    [whole] = tokenizer.read([text])
    starts = [0, *whole.spans.offsets[whole.spans.word_starts, 0].tolist()]
    cut = data.draw(st.sampled_from(starts))
    left, right = tokenizer.read([text[:cut], text[cut:]])
    assert [*left.ids.tolist(), *right.ids.tolist()] == whole.ids.tolist()


def test_a_text_of_many_pieces_has_the_tokens_of_one(tokenizer, monkeypatch):
    text = "The tenant, who pays rent; it's fine.\n" * 60
    [whole] = tokenizer.read([text])
    monkeypatch.setattr("encoders.fast_tokenizer._PIECE_CHARACTERS", 50)
    monkeypatch.setattr("encoders.fast_tokenizer._GROUP_CHARACTERS", 300)
    [pieces] = tokenizer.read([text])
    assert pieces.ids.tolist() == whole.ids.tolist()
    assert np.array_equal(pieces.spans.offsets, whole.spans.offsets)
    assert np.array_equal(pieces.spans.word_starts, whole.spans.word_starts)


def test_text_far_beyond_the_model_raises_no_warning_and_loses_no_token(tokenizer):
    [spans] = tokenizer.tokenize(["rent " * 50_000])
    assert len(spans) == 50_000
    assert spans.known.all()


def test_ids_of_the_vocabulary_stand_for_text_and_others_are_refused(tokenizer):
    [read] = tokenizer.read(["Rent is due."])
    assert tokenizer.decode(read.ids.tolist()) == "rent is due."
    with pytest.raises(InvalidInputError, match="token id 100000 is not in this model's vocabulary of 30522"):
        tokenizer.decode([1012, 100_000])


def test_a_short_text_takes_one_thread_and_gives_the_others_back(monkeypatch):
    import torch

    from encoders import torch_bert

    before = torch.get_num_threads()
    encoder = load_encoder("bundled", threads=2)
    seen = []
    actual = torch_bert.Bert.forward
    monkeypatch.setattr(
        torch_bert.Bert,
        "forward",
        lambda *a, **k: (seen.append(torch.get_num_threads()), actual(*a, **k))[1],
    )
    short = encoder.encode(["a short question"], kind="query")
    assert set(seen) == {1}
    seen.clear()
    [again, _] = encoder.encode(["a short question", "a much longer text " * 30])
    assert set(seen) == {2}
    assert abs(short[0] - again).max() < ROUNDING
    assert torch.get_num_threads() == 2
    load_encoder("bundled", threads=before)


def test_texts_that_are_embedded_beside_each_other_keep_their_order_and_vectors():
    import torch

    before = torch.get_num_threads()
    encoder = load_encoder("bundled", threads=2)
    texts = [f"Clause {number} about " + "rent and notice, " * (number % 40) for number in range(80)]
    together = encoder.encode(texts)
    assert abs(together - np.concatenate([encoder.encode([text]) for text in texts])).max() < ROUNDING
    load_encoder("bundled", threads=before)


def test_a_long_text_is_read_by_all_threads_and_has_the_vector_that_it_has_beside_others(monkeypatch):
    import torch

    from encoders import torch_bert, torch_encoder

    before = torch.get_num_threads()
    encoder = load_encoder("bundled", threads=2)
    texts = ["short text", "notice and rent " * 60, "a clause", "", "repairs and keys " * 70]
    expected = encoder.encode(texts)
    seen = []
    actual = torch_bert.Bert.forward

    def spy(module, input_ids, **others):
        seen.append((input_ids.numel(), torch.get_num_threads()))
        return actual(module, input_ids, **others)

    monkeypatch.setattr(torch_bert.Bert, "forward", spy)
    monkeypatch.setattr(torch_encoder, "_LEAST_BATCH", 64)
    monkeypatch.setattr(torch_encoder, "_LONG", 100)
    assert abs(encoder.encode(texts) - expected).max() < ROUNDING
    assert {threads for tokens, threads in seen if tokens > 100} == {2}
    load_encoder("bundled", threads=before)
