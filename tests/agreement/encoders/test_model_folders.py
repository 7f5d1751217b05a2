"""Folders that sentence-transformers reads: modules, poolings, prompts and limits are honoured or refused."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from tiny_models import LENGTH, save_model, wordpiece, write
from transformers import T5Config, T5EncoderModel

from encoders.errors import ModelError
from encoders.loading import load_encoder
from encoders.model_folder import read_folder

TEXTS = ["the rent", "a party gives notice", "the contract ends when a party gives notice"]
PREFIX = "sentence_transformers.models."


@pytest.fixture
def folder(tmp_path):
    return save_model("bert", tmp_path / "model")


def set_modules(folder, *modules):
    rows = [
        {"idx": place, "name": str(place), "path": path, "type": f"{PREFIX}{kind}"}
        for place, (kind, path) in enumerate(modules)
    ]
    write(folder / "modules.json", rows)


def add_dense(folder, name, inputs, outputs, **options):
    (folder / name).mkdir()
    generator = torch.Generator().manual_seed(len(name))
    weights = {"linear.weight": torch.randn(outputs, inputs, generator=generator) * 0.5}
    weights["linear.bias"] = torch.randn(outputs, generator=generator)
    if options.get("use_residual") and inputs != outputs:
        weights["residual.weight"] = torch.randn(outputs, inputs, generator=generator)
    save_file(weights, folder / name / "model.safetensors")
    activation = "torch.nn.modules.activation.Tanh"
    config = {"in_features": inputs, "out_features": outputs, "bias": True, "activation_function": activation}
    write(folder / name / "config.json", config | options)


def load(folder, **options):
    return load_encoder(folder, **{"dtype": "float32", "self_check": False, "threads": 1} | options)


def assert_agrees(folder):
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(load(folder).encode(TEXTS), expected, atol=2e-6)


BASE = [("Transformer", ""), ("Pooling", "1_Pooling")]


@pytest.mark.parametrize(
    "after",
    [
        [("Dense", "2_Dense")],
        [("Dense", "2_Dense"), ("Normalize", "3")],
        [("Normalize", "3"), ("Dense", "2_Dense")],
        [("Normalize", "3"), ("Dense", "2_Dense"), ("Normalize", "4")],
        [("Dense", "2_Dense"), ("Dense", "20_Dense")],
    ],
    ids=lambda after: "-".join(kind for kind, _ in after),
)
def test_what_follows_the_pooling_is_applied_in_order(folder, after):
    add_dense(folder, "2_Dense", 32, 20)
    add_dense(folder, "20_Dense", 20, 12)
    set_modules(folder, *BASE, *after)
    assert_agrees(folder)


@pytest.mark.parametrize("outputs", [32, 20])
def test_a_linear_layer_may_add_what_it_reads(folder, outputs):
    add_dense(folder, "2_Dense", 32, outputs, use_residual=True)
    set_modules(folder, *BASE, ("Dense", "2_Dense"))
    assert_agrees(folder)


def test_poolings_named_by_old_flags_lie_side_by_side_in_one_order(folder):
    flags = {
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": True,
        "pooling_mode_cls_token": True,
    }
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32} | flags)
    add_dense(folder, "2_Dense", 96, 20)
    set_modules(folder, *BASE, ("Dense", "2_Dense"))
    assert_agrees(folder)


def test_a_pooling_that_names_none_is_the_mean(folder):
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32})
    assert read_folder(folder).pooling == ("mean",)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (
            [("Transformer", ""), ("Dense", "2_Dense"), ("Pooling", "1_Pooling")],
            "Transformer, Dense, Pooling;",
        ),
        ([*BASE, ("Pooling", "1_Pooling")], "Transformer, Pooling, Pooling;"),
        ([*BASE, ("Dropout", "3")], f"{PREFIX}Dropout"),
    ],
)
def test_modules_in_an_order_that_is_not_known_are_refused(folder, order, words):
    set_modules(folder, *order)
    with pytest.raises(ModelError, match=re.escape(words)):
        load(folder)


def test_a_linear_layer_that_cannot_be_applied_is_refused(folder):
    add_dense(folder, "2_Dense", 64, 20)
    set_modules(folder, *BASE, ("Dense", "2_Dense"))
    with pytest.raises(ModelError, match=r"the pooling mean gives 32 numbers and the linear layer.*reads 64"):
        load(folder)
    add_dense(folder, "3_Dense", 32, 20, module_input_name="token_embeddings")
    set_modules(folder, *BASE, ("Dense", "3_Dense"))
    with pytest.raises(ModelError, match="computes with token_embeddings; only sentence_embedding"):
        load(folder)


@pytest.mark.parametrize("name", ["document", "passage"])
def test_an_empty_prompt_is_not_the_default_one(folder, name):
    prompts = {"prompts": {"query": "find: ", name: ""}, "default_prompt_name": "query"}
    write(folder / "config_sentence_transformers.json", prompts)
    assert read_folder(folder).prompts == {"query": "find: ", "document": ""}


def test_a_limit_under_an_older_name_is_read(folder):
    (folder / "sentence_bert_config.json").unlink()
    write(folder / "sentence_roberta_config.json", {"max_seq_length": 16})
    assert load(folder).max_tokens == 16
    write(folder / "sentence_roberta_config.json", {"max_seq_length": 0})
    assert load(folder).max_tokens == LENGTH


def test_the_revision_tells_changed_weights_of_large_files_apart(folder):
    path = folder / "model.safetensors"
    save_file({"layer": torch.zeros(6 << 20, dtype=torch.uint8)}, path)
    before = read_folder(folder).revision
    data = bytearray(path.read_bytes())
    data[3 << 20 : 13 << 18] = b"\x01" * (1 << 18)
    path.write_bytes(data)
    assert read_folder(folder).revision != before


def test_a_folder_that_is_not_complete_is_named(folder):
    weights, words = folder / "model.safetensors", folder / "tokenizer.json"
    whole = weights.read_bytes()
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\nsize 123\n")
    with pytest.raises(ModelError, match=f"{folder} cannot be loaded.*Is it complete"):
        load(folder)
    weights.write_bytes(whole)
    words.write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        load(folder)


def test_a_token_that_the_model_has_no_row_for_is_refused(folder):
    weights = load_file(folder / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    weights[name] = weights[name][:-60].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    rows = len(weights[name])
    with pytest.raises(ModelError, match=rf"token id \d+, and the model has rows for {rows} ids"):
        load(folder).encode(["zzz"])


def test_the_encoder_of_a_t5_is_loaded_without_its_decoder(tmp_path):
    folder = save_model("bert", tmp_path / "t5")
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    torch.manual_seed(3)
    model = T5EncoderModel(T5Config(vocab_size=wordpiece().get_vocab_size(), **sizes)).eval()
    model.save_pretrained(folder)
    assert_agrees(folder)


def test_rotations_that_change_with_the_longest_text_are_kept_to_texts_where_they_do_not(folder_of, tmp_path):
    source = folder_of("qwen3")
    for file in source.rglob("*"):
        if file.is_file():
            target = tmp_path / file.relative_to(source)
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    factors = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4, "factor": 2.0}
    rope = {"rope_type": "longrope", "rope_theta": 100.0, "original_max_position_embeddings": 24, **factors}
    write(tmp_path / "config.json", config | {"rope_parameters": rope})
    encoder = load(tmp_path)
    assert encoder.max_tokens == 24
    long, short = "the contract ends when a party gives notice " * 6, "the rent"
    np.testing.assert_allclose(encoder.encode([short, long])[:1], encoder.encode([short]), atol=2e-6)
