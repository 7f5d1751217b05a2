import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from tiny_models import FAMILIES, LENGTH, WORDS
from transformers import AutoModel

from encoders.errors import ModelError
from encoders.torch_attention import Group, Packing, packed_attention, packing

TEXTS = [
    "the rent",
    "a party gives notice",
    "breach",
    "the contract ends in full",
    "xyz pays, or: fails",
    "a",
]
ATTENDING = [family for family in FAMILIES if family != "mpnet"]
families = pytest.mark.parametrize("family", FAMILIES)
attending = pytest.mark.parametrize("family", ATTENDING)


@families
def test_packed_and_padded_give_the_same_vectors(load, family):
    packed, padded = load(family), load(family, forward="padded")
    assert packed.forward_note.startswith("padded: mpnet" if family == "mpnet" else "packed")
    assert padded.forward_note == "padded: asked for"
    np.testing.assert_allclose(packed.encode(TEXTS), padded.encode(TEXTS), atol=2e-6)


@families
def test_vectors_are_those_of_sentence_transformers(folder_of, family):
    from encoders.loading import load_encoder

    folder = folder_of(family, prompts={"query": "find: ", "document": ""})
    reference = SentenceTransformer(str(folder), device="cpu")
    encoder = load_encoder(str(folder), dtype="float32", self_check=False)
    np.testing.assert_allclose(encoder.encode(TEXTS), reference.encode(TEXTS), atol=2e-6)
    queries = reference.encode(TEXTS, prompt_name="query")
    np.testing.assert_allclose(encoder.encode(TEXTS, kind="query"), queries, atol=2e-6)
    assert encoder.max_tokens == LENGTH


@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"]
)
def test_every_pooling_is_that_of_sentence_transformers(folder_of, pooling):
    from encoders.loading import load_encoder

    folder = folder_of("bert", pooling=pooling)
    reference = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    encoder = load_encoder(str(folder), dtype="float32", self_check=False)
    np.testing.assert_allclose(encoder.encode(TEXTS), reference, atol=2e-6)


texts = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join), min_size=1, max_size=9
)


@families
@settings(max_examples=8, deadline=None, derandomize=True)
@given(texts=texts, data=st.data())
def test_no_text_changes_the_vector_of_another(load, family, texts, data):
    encoder = load(family, batch_tokens=40)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    order = data.draw(st.permutations(range(len(texts))))
    together = encoder.encode([texts[place] for place in order])
    np.testing.assert_allclose(together, alone[list(order)], atol=3e-6)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("family", [family for family in ATTENDING if family != "modernbert"])
def test_temperature_divides_every_attention_score(load, folder_of, family, implementation):
    tau = 0.6
    model = AutoModel.from_pretrained(folder_of(family), attn_implementation=implementation).eval()
    for module in model.modules():
        if hasattr(module, "scaling"):
            module.scaling /= tau
    encoder = load(family, temperature=tau)
    ids = hidden_input(encoder, "the contract ends")
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].numpy()
    assert_tokens(encoder, "the contract ends", expected)
    assert np.abs(load(family).encode(TEXTS) - encoder.encode(TEXTS)).max() > 1e-3


@attending
def test_temperature_is_the_same_packed_and_padded(load, family):
    packed = load(family, temperature=0.7, query_scaling=True)
    padded = load(family, temperature=0.7, query_scaling=True, forward="padded")
    np.testing.assert_allclose(packed.encode(TEXTS), padded.encode(TEXTS), atol=3e-6)


def test_a_model_without_the_interface_refuses_temperature(load):
    with pytest.raises(ModelError, match="mpnet has no attention interface"):
        load("mpnet", temperature=0.8)
    with pytest.raises(ModelError, match="packed forward cannot be used: mpnet"):
        load("mpnet", forward="packed")


@attending
def test_bfloat16_stays_close_to_float32(load, family):
    low = load(family, dtype="bfloat16").encode(TEXTS)
    assert (low * load(family).encode(TEXTS)).sum(axis=1).min() > 0.99


def hidden_input(encoder, text):
    ids = encoder._parts.tokenizer
    return torch.tensor([[*ids.prefix, *ids.read([text])[0].ids.tolist(), *ids.suffix]])


def assert_tokens(encoder, text, hidden):
    tokenizer = encoder._parts.tokenizer
    inner = hidden[len(tokenizer.prefix) : len(hidden) - len(tokenizer.suffix)]
    np.testing.assert_allclose(encoder.encode_tokens(text).vectors, inner, atol=2e-5)


def test_a_folder_that_sentence_transformers_saved_loads_with_its_limit(folder_of, tmp_path):
    from encoders.loading import load_encoder

    reference = SentenceTransformer(str(folder_of("bert")), device="cpu")
    reference.max_seq_length = 21
    reference.save(str(tmp_path / "saved"))
    encoder = load_encoder(str(tmp_path / "saved"), dtype="float32", self_check=False, threads=1)
    np.testing.assert_allclose(encoder.encode(TEXTS), reference.encode(TEXTS), atol=2e-6)
    assert encoder.max_tokens == 21


def test_a_layer_that_changes_scores_otherwise_is_not_packed():
    states = torch.zeros(1, 1, 2, 4)
    with pytest.raises(ModelError, match="Identity changes its attention scores by softcap"):
        packed_attention(torch.nn.Identity(), states, states, states, None, softcap=30.0)


def test_a_long_text_attends_to_itself_alone_as_a_short_one_does():
    random = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 1, 2, 2100, 4, generator=random)
    token = packing.set(Packing(groups=(Group(0, 2048, 2048), Group(2048, 2100, 26))))
    try:
        found, _ = packed_attention(torch.nn.Identity(), query, key, value, None)
    finally:
        packing.reset(token)
    for start, end in ((0, 2048), (2048, 2074), (2074, 2100)):
        q, k, v = (part[0, :, start:end] for part in (query, key, value))
        expected = torch.softmax(q @ k.transpose(1, 2) / 2, dim=-1) @ v
        assert torch.allclose(found[0, start:end].transpose(0, 1), expected, atol=1e-5)
