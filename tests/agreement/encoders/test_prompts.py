"""A prompt and its text are read as the one string that they are."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tiny_models import LETTERS, WORDS, byte_level, framed, save_model, unigram, wordpiece, write
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from encoders.fast_tokenizer import FastTokenizer
from encoders.loading import load_encoder

PROMPTS = ["find: ", "find:", "q:\n", "Instruct: find the rent\nQuery:", "the rent", " ", "task, query: "]


def gemma():
    """Spaces become signs, and only merges join them with words."""
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", *LETTERS, "▁t", "▁th", "▁the", "▁r"]
    merges = [("▁", "t"), ("▁t", "h"), ("▁th", "e"), ("▁", "r")]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return framed(tokenizer, ("<s>", "</s>"))


def metaspace(scheme):
    tokenizer = unigram()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    return tokenizer


def qwen():
    """A word takes the sign before it, so a prompt's colon may be the first token's."""
    pieces = ["</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), ":r", "re", ":re", "Ġt", "he", "Ġthe"]
    merges = [(":", "r"), ("r", "e"), (":r", "e"), ("Ġ", "t"), ("h", "e"), ("Ġt", "he")]
    tokenizer = Tokenizer(models.BPE({piece: place for place, piece in enumerate(pieces)}, merges))
    words = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return framed(tokenizer, ("", "</s>"))


TOKENIZERS = {
    "wordpiece": wordpiece,
    "gemma": gemma,
    "metaspace never": lambda: metaspace("never"),
    "metaspace first": lambda: metaspace("first"),
    "metaspace always": lambda: metaspace("always"),
    "byte level": lambda: byte_level(("<s>", "</s>")),
    "qwen": qwen,
}
TEXT = st.lists(
    st.sampled_from([*WORDS, "rent", " ", "\n", ":", "x1", "(a)", "é", "中"]), min_size=1, max_size=9
)


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=25, deadline=None)
@given(words=TEXT)
def test_ids_are_those_of_prompt_and_text_together(kind, prompt, words):
    text = " ".join(words)
    expected = TOKENIZERS[kind]().encode(prompt + text)
    assume(kind != "wordpiece" or "[UNK]" not in expected.tokens)  # such a word is repaired
    reader = FastTokenizer(TOKENIZERS[kind]()).with_prompt(prompt)
    [read] = reader.read([text])
    ids = [*reader.prefix, *read.lead, *read.ids, *reader.suffix]
    assert ids == expected.ids
    assert len(read.lead) <= reader.special_tokens - len(reader.prefix) - len(reader.suffix)
    offsets = read.spans.offsets
    assert (offsets[:, 0] >= 0).all()
    assert (offsets[:, 1] <= len(text)).all()
    assert (offsets[:, 1] > 0).all()
    assert not len(read) or read.spans.word_starts[0]


def test_a_token_that_prompt_and_text_share_is_the_texts():
    reader = FastTokenizer(qwen()).with_prompt("q:")
    [read] = reader.read(["rent"])
    assert read.lead.tolist() == [qwen().token_to_id("q")]
    assert read.spans.offsets.tolist() == [[0, 2], [2, 3], [3, 4]]
    assert reader.prompt_ids.tolist() == [qwen().token_to_id(piece) for piece in "q:"]
    assert reader.read([""])[0].spans.offsets.shape == (0, 2)


@pytest.mark.parametrize(
    "make", [lambda: byte_level(("<s>", "</s>")), unigram, gemma], ids=["bytes", "unigram", "gemma"]
)
def test_special_tokens_have_their_meaning_in_a_prompt_and_none_in_a_text(make):
    tokenizer = make()
    start = tokenizer.token_to_id("<s>")
    text = "<s> rent</s> a<s>b"
    [read] = FastTokenizer(tokenizer).with_prompt("<s> find ").read([text])
    assert read.lead[0] == start
    assert not {start, tokenizer.token_to_id("</s>")} & {*read.lead[1:], *read.ids}
    assert FastTokenizer(make()).with_prompt("<s>").read(["rent"])[0].lead.tolist() == [start]
    [plain] = FastTokenizer(make()).read(["the rent"])
    assert plain.ids.tolist() == make().encode("the rent", add_special_tokens=False).ids


@pytest.mark.parametrize("family", ["modernbert", "qwen3", "gte"])
def test_texts_are_counted_as_they_are_embedded(tmp_path, family):
    folder = save_model(family, tmp_path / family, prompts={"query": "", "document": "find: "})
    encoder = load_encoder(folder, dtype="float32", self_check=False, overflow="error")
    room = encoder.max_tokens - encoder.tokenizer.special_tokens
    text = "rent " * 60
    while len(encoder.tokenizer.tokenize([text])[0]) > room:
        text = text[:-1]
    assert encoder.embed([text]).coverage[0].tokens == room
    assert len(encoder.tokens_of(text)) == room
    assert len(encoder.encode_tokens(text).offsets) == room


@pytest.mark.parametrize("pooling", ["mean", "weightedmean", "max"])
def test_a_prompt_that_is_left_out_of_the_pooling_is_left_out_token_by_token(tmp_path, pooling):
    folder = save_model("qwen3", tmp_path / "qwen3", prompts={"query": "find:", "document": ""})
    pools = {"embedding_dimension": 32, "pooling_mode": pooling, "include_prompt": False}
    write(folder / "1_Pooling" / "config.json", pools)
    qwen().save(str(folder / "tokenizer.json"))
    encoder = load_encoder(folder, dtype="float32", self_check=False)
    texts = ["rent", "a party", "re"]  # the first and the last share a token with the prompt
    together = encoder.encode(texts, kind="query")
    for row, text in enumerate(texts):
        [read] = encoder._readers["query"].read([text])
        ids = np.array([*read.lead, *read.ids, *encoder._readers["query"].suffix])
        [(_, hidden)] = encoder.parts.forward([ids])
        pooled = encoder.parts.pooling([hidden], skip=len(read.lead)).numpy()[0]
        np.testing.assert_allclose(together[row], pooled / np.linalg.norm(pooled), atol=2e-6)
