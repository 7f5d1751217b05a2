import math

import numpy as np
import pytest
import torch
from tiny_models import FAMILIES, LENGTH, WORDS
from transformers import AutoModel

from encoders.errors import InvalidInputError, ModelError
from encoders.extension import Extension, interpolated_table
from encoders.late_chunking import late_chunk
from encoders.pooling import pool_spans
from encoders.torch_attention import Group, Packing, packed_attention, packing
from encoders.types import Span, TokenEmbeddings

SHORT = "the contract ends when a party"
LONG = " ".join(WORDS * 6)
TABLE = ["bert", "xlm_roberta", "mpnet"]
ROTARY = ["nomic_bert", "gte", "qwen3", "modernbert"]
TARGET = 4 * LENGTH


def inputs(encoder, text, limit=TARGET):
    tokenizer = encoder._parts.tokenizer
    room = limit - len(tokenizer.prefix) - len(tokenizer.suffix)
    ids = tokenizer.read([text])[0].ids[:room].tolist()
    return torch.tensor([[*tokenizer.prefix, *ids, *tokenizer.suffix]])


def first_window(encoder, text, limit=TARGET):
    """Return our hidden states of the first ``limit`` tokens of ``text``, special tokens included."""
    [row] = inputs(encoder, text, limit).numpy()
    [(_, hidden)] = encoder._parts.forward([row])
    return hidden[0].numpy()


@torch.inference_mode()
def reference(model, ids, positions=None):
    extra = {} if positions is None else {"position_ids": positions}
    types = {"token_type_ids": torch.zeros_like(ids)} if hasattr(model.config, "type_vocab_size") else {}
    if model.config.model_type == "mpnet":
        types = {}
    mask = torch.ones_like(ids)
    return model(input_ids=ids, attention_mask=mask, **types, **extra).last_hidden_state[0].numpy()


@pytest.mark.parametrize("method", ["pi", "gp", "rp"])
@pytest.mark.parametrize("family", TABLE)
def test_table_methods_equal_literal_positions(load, folder_of, family, method):
    encoder = load(family, extend=f"{method}:{TARGET}")
    model = AutoModel.from_pretrained(folder_of(family)).eval()
    table = model.embeddings.position_embeddings.weight.data
    offset = 0 if family == "bert" else 2
    ids = inputs(encoder, LONG)
    assert LENGTH < ids.shape[1] <= TARGET
    if method == "pi":
        rows = [table[row] for row in range(offset)]
        for place in range(TARGET):
            low, part = divmod(place, 4)
            high = min(low + 1, LENGTH - 1)
            rows.append((table[low + offset] * (4 - part) + table[high + offset] * part) / 4)
        longer = torch.nn.Embedding(len(rows), table.shape[1])
        longer.weight.data = torch.stack(rows)
        model.embeddings.position_embeddings = longer
        positions = list(range(ids.shape[1]))
    elif method == "gp":
        positions = [place // 4 for place in range(ids.shape[1])]
    else:
        positions = [place % LENGTH for place in range(ids.shape[1])]
    expected = reference(model, ids, torch.tensor([positions]) + offset)
    np.testing.assert_allclose(first_window(encoder, LONG), expected, atol=2e-5)


ROPE = {
    "linear": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100.0},
    "ntk": {"rope_type": "default", "rope_theta": 100.0 * 5.0},
    "yarn": {
        "rope_type": "yarn",
        "factor": 4.0,
        "rope_theta": 100.0,
        "original_max_position_embeddings": LENGTH,
    },
}


@pytest.mark.parametrize("method", ROPE)
@pytest.mark.parametrize("family", ["nomic_bert", "gte", "qwen3"])
def test_rotary_methods_equal_those_of_transformers(load, folder_of, family, method):
    encoder = load(family, extend=f"{method}:{TARGET}")
    model = AutoModel.from_pretrained(folder_of(family), rope_parameters=ROPE[method]).eval()
    expected = reference(model, inputs(encoder, LONG))
    found = first_window(encoder, LONG)
    np.testing.assert_allclose(found, expected, atol=5e-5)
    plain = reference(AutoModel.from_pretrained(folder_of(family)).eval(), inputs(encoder, LONG))
    assert np.abs(found - plain).max() > 1e-2


@pytest.mark.parametrize("family", ["nomic_bert", "gte", "qwen3", "modernbert"])
def test_grouped_rotary_positions_equal_literal_ones(load, folder_of, family):
    encoder = load(family, extend=f"gp:{TARGET}")
    ids = inputs(encoder, LONG)
    positions = torch.tensor([[place // 4 for place in range(ids.shape[1])]])
    expected = reference(AutoModel.from_pretrained(folder_of(family)).eval(), ids, positions)
    np.testing.assert_allclose(first_window(encoder, LONG), expected, atol=5e-5)


@pytest.mark.parametrize("family", ["bert", "nomic_bert"])
def test_query_scaling_is_a_temperature_that_falls_with_the_length(load, family):
    scaled = load(family, extend=f"gp:{TARGET}", query_scaling=True)
    plain = load(family, extend=f"gp:{TARGET}")
    tokens = inputs(scaled, LONG).shape[1]
    literal = load(family, extend=f"gp:{TARGET}", temperature=math.log(LENGTH) / math.log(tokens))
    found = first_window(scaled, LONG)
    np.testing.assert_allclose(found, first_window(literal, LONG), atol=2e-5)
    assert np.abs(found - first_window(plain, LONG)).max() > 1e-3
    np.testing.assert_allclose(first_window(scaled, SHORT), first_window(plain, SHORT), atol=2e-6)


@pytest.mark.parametrize("method", ["linear", "gp", "ntk", "yarn", "selfextend"])
@pytest.mark.parametrize("family", ROTARY)
def test_short_texts_keep_their_vectors_beside_long_ones_under_rotary_methods(load, family, method):
    extended = load(family, extend=f"{method}:{TARGET}")
    together = extended.encode([LONG, SHORT, LONG + " rent"])
    np.testing.assert_allclose(together[1:2], load(family).encode([SHORT]), atol=2e-6)
    np.testing.assert_allclose(together[:1], extended.encode([LONG]), atol=2e-6)
    assert np.abs(together[0] - together[2]).max() > 1e-4


@pytest.mark.parametrize("method", ["pi", "gp", "rp"])
@pytest.mark.parametrize("family", TABLE)
def test_short_texts_keep_their_vectors_beside_long_ones_under_table_methods(load, family, method):
    extended = load(family, extend=f"{method}:{TARGET}")
    together = extended.encode([LONG, SHORT])
    np.testing.assert_allclose(together[1:], load(family).encode([SHORT]), atol=2e-6)
    np.testing.assert_allclose(together[:1], extended.encode([LONG]), atol=2e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_selfextend_equals_a_literal_double_loop(causal):
    extension = Extension(method="selfextend", target=16, original=8)
    near, group, tokens, width = extension.neighbours, extension.group, 14, 8
    generator = torch.Generator().manual_seed(3)
    query, key, value = (torch.randn(1, 2, tokens, width, generator=generator) for _ in range(3))
    frequencies = 0.7 ** torch.arange(width // 2)

    def rotations(positions):
        angles = torch.cat([positions[:, None] * frequencies] * 2, dim=-1)
        return angles.cos(), angles.sin()

    def at(states, position):
        cos, sin = rotations(torch.tensor([position]))
        half = width // 2
        return states * cos[0] + torch.cat((-states[half:], states[:half])) * sin[0]

    def score(head, i, j):
        q, k = query[0, head, i], key[0, head, j]
        if abs(i - j) < near:
            pair = i, j
        elif j < i:
            pair = i // group + near - near // group, j // group
        else:
            pair = i // group, j // group + near - near // group
        return float(at(q, pair[0]) @ at(k, pair[1])) / math.sqrt(width)

    expected = torch.zeros(tokens, 2, width)
    for head in range(2):
        for i in range(tokens):
            seen = range(i + 1) if causal else range(tokens)
            weights = torch.softmax(torch.tensor([score(head, i, j) for j in seen]), dim=0)
            expected[i, head] = weights @ value[0, head, : len(weights)]
    rotated = [
        torch.stack([torch.stack([at(s[0, h, i], i) for i in range(tokens)]) for h in range(2)])[None]
        for s in (query, key)
    ]
    token = packing.set(Packing(groups=(Group(0, tokens, tokens),), extension=extension, rotations=rotations))
    module = torch.nn.Identity()
    found, _ = packed_attention(module, *rotated, value, None, is_causal=causal)
    packing.reset(token)
    torch.testing.assert_close(found[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["nomic_bert", "gte", "qwen3", "modernbert"])
def test_selfextend_within_its_neighbourhood_is_plain_attention(load, folder_of, family):
    encoder = load(family, extend=f"selfextend:{TARGET}")
    words = LONG[: LONG.index(" ", 150)] if family in {"qwen3", "modernbert"} else LONG
    found = first_window(encoder, words, limit=LENGTH)
    plain = AutoModel.from_pretrained(folder_of(family)).eval()
    np.testing.assert_allclose(found, reference(plain, inputs(encoder, words, LENGTH)), atol=2e-5)


def test_pcw_is_the_mean_of_windows_of_which_the_last_reaches_back(load):
    encoder = load("bert", extend="pcw:4096")
    plain = load("bert")
    assert (encoder.max_tokens, plain.max_tokens) == (4096, LENGTH)
    ids = plain._parts.tokenizer.read([LONG])[0].ids
    room = LENGTH - 2
    starts = [*range(0, len(ids) - room, room), len(ids) - room]
    means = []
    for start in starts:
        row = np.array([0, *ids[start : start + room], 2])
        [(_, hidden)] = plain._parts.forward([row])
        means.append(hidden[0].mean(dim=0).numpy())
    expected = np.mean(means, axis=0)
    np.testing.assert_allclose(encoder.encode([LONG])[0], expected / np.linalg.norm(expected), atol=2e-6)


@pytest.mark.parametrize("prompt", ["", "find: ", "rent:"])
@pytest.mark.parametrize("family", FAMILIES)
def test_late_chunking_in_one_window_is_the_naive_mean(load, family, prompt):
    encoder = load(family, pooling="mean", prompts={"document": prompt})
    text = "the contract ends when"
    spans = [Span(0, 4), Span(4, 13), Span(13, len(text))]
    tokens = encoder.encode_tokens(text)
    expected = []
    for span in spans:
        inside = [span.start <= start < span.end for start in tokens.offsets[:, 0]]
        mean = tokens.vectors[inside].mean(axis=0)
        expected.append(mean / np.linalg.norm(mean))
    found = late_chunk(encoder, text, spans)
    np.testing.assert_allclose(found.vectors, expected, atol=2e-6)
    np.testing.assert_allclose(pool_spans(tokens, spans), expected, atol=2e-6)
    assert sum(ledger.tokens for ledger in found.coverage) == len(tokens.offsets)


@pytest.mark.parametrize("batch_tokens", [1, 200])
def test_late_chunking_over_windows_gives_every_token_its_own_window(load, batch_tokens):
    encoder = load("bert", batch_tokens=batch_tokens)
    room, overlap = LENGTH - 2, 12
    ids = encoder._parts.tokenizer.read([LONG])[0].ids
    starts = [*range(0, len(ids) - room, room - overlap), len(ids) - room]
    rows = np.empty((len(ids), 32), dtype=np.float32)
    for number, start in enumerate(starts):
        [(_, hidden)] = encoder._parts.forward([np.array([0, *ids[start : start + room], 2])])
        own = start if number == 0 else (starts[number - 1] + room + start + 1) // 2
        rows[own : start + room] = hidden[0, 1 + own - start : -1].numpy()
    found = encoder.token_windows(LONG, overlap=overlap)
    np.testing.assert_allclose(np.concatenate([part.vectors for part in found]), rows, atol=2e-5)
    offsets = encoder.tokens_of(LONG).offsets
    spans = [Span(start, min(start + 40, len(LONG))) for start in range(0, len(LONG), 40)]
    expected = pool_spans(TokenEmbeddings(rows, offsets), spans)
    chunks = late_chunk(encoder, LONG, spans, overlap=overlap)
    np.testing.assert_allclose(chunks.vectors, expected, atol=2e-5)
    assert all(ledger.complete for ledger in chunks.coverage)


def test_what_a_model_cannot_do_is_refused_with_the_numbers(load):
    for family, spec, words in [
        ("bert", "yarn:96", "yarn does not fit a model with a table of learned positions"),
        ("gte", "pi:96", "pi does not fit a model with rotary positions"),
        ("bert", "pi:48", "reads 48 tokens already"),
        ("bert", "pi:4096", "8 times 48 tokens = 384, not 4096"),
        ("bert", "longer:96", "METHOD:TOKENS"),
        ("bert", "pi:many", "METHOD:TOKENS"),
    ]:
        with pytest.raises(InvalidInputError, match=words):
            load(family, extend=spec)
    for family, asked, advice in [("bert", 64, "pi:64"), ("gte", 64, "ntk:64"), ("bert", 500, "pcw:500")]:
        with pytest.raises(InvalidInputError, match=f"at most 48 tokens in one pass.*extend='{advice}'"):
            load(family, max_tokens=asked)
    with pytest.raises(ModelError, match="selfextend needs the packed forward"):
        load("gte", extend="selfextend:96", forward="padded")


def test_the_anchors_of_an_interpolated_table_are_the_original_rows():
    table = np.arange(12, dtype=np.float32).reshape(4, 3)
    longer = interpolated_table(table, factor=4)
    np.testing.assert_array_equal(longer[::4], table)
    np.testing.assert_allclose(longer[2], (table[0] + table[1]) / 2)
    np.testing.assert_array_equal(longer[13:], np.repeat(table[3:], 3, axis=0))


def test_a_pass_of_an_extended_model_is_as_long_as_is_asked(load):
    encoder = load("bert", extend="pi:192", max_tokens=64)
    assert (encoder.max_tokens, encoder.fingerprint["max_tokens"]) == (64, 64)
    assert encoder.embed([LONG]).coverage[0].segments == 2
    assert load("bert", extend="pi:192").fingerprint["max_tokens"] == 192
    windows = load("bert", extend="pcw:192", max_tokens=20)
    assert (windows.max_tokens, windows.fingerprint["max_tokens"]) == (192, 20)


def test_late_chunking_gives_what_encode_gives_or_refuses(load):
    text = "the contract ends when"
    whole = [Span(0, len(text))]
    small = load("bert", dim=8)
    found = late_chunk(small, text, [*whole, Span(len(text), len(text))]).vectors
    assert found.shape == (2, 8)
    assert found[0] @ small.encode([text])[0] > 0.9  # the mean of encode counts the special tokens too
    assert not found[1].any()
    with pytest.raises(InvalidInputError, match="this model pools by last; load a model with mean pooling"):
        late_chunk(load("qwen3"), text, whole)
    with pytest.raises(InvalidInputError, match="ends at character 23 and the text at 22"):
        late_chunk(load("bert"), text, [Span(0, 23)])
