import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from encoders.fast_tokenizer import load_tokenizer
from encoders.loading import bundled_folder, load_encoder
from eval.bench_encode import Figure, _asked, cosines_of, make_texts
from eval.bench_engines import NEEDS, why_missing
from eval.bench_model import _linear_shapes, gemm_limit, prepare_model
from eval.errors import DataError, EvaluationError


@pytest.mark.parametrize(("length", "equal"), [(160, False), (160, True), (512, False)])
def test_texts_are_real_fit_the_length_and_add_up(length, equal):
    texts, counted = make_texts(None, length=length, tokens=2000, equal=equal, model=bundled_folder())
    sizes = [len(spans) + 2 for spans in load_tokenizer(bundled_folder()).tokenize(texts)]
    assert sizes == counted
    assert sum(sizes) >= 2000
    assert max(sizes) <= length
    assert (len(set(sizes)) == 1) == equal


@pytest.mark.parametrize("equal", [False, True])
def test_no_text_is_cut_inside_a_word(tmp_path, equal):
    (tmp_path / "words.txt").write_text("antidisestablishmentarianism otter is in the unbelievability " * 300)
    texts, counted = make_texts(
        tmp_path / "words.txt", length=40, tokens=600, equal=equal, model=bundled_folder()
    )
    tokens = load_tokenizer(bundled_folder()).tokenize(texts)
    assert [len(spans) + 2 for spans in tokens] == counted
    assert sum(counted) >= 600
    words = set("antidisestablishmentarianism otter is in the unbelievability".split())
    assert {word for text in texts for word in text.split()} == words


def test_a_folder_is_read_as_beir(tmp_path):
    lines = [json.dumps({"_id": str(n), "text": f"document {n} about rent. " * 30}) for n in range(3)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    texts, _ = make_texts(tmp_path, length=64, tokens=300, equal=False, model=bundled_folder())
    assert all("rent" in text for text in texts)


def test_a_text_too_short_for_one_piece_is_refused(tmp_path):
    (tmp_path / "words.txt").write_text("rent")
    with pytest.raises(DataError, match="the text has 1 tokens, too few for a piece of 40"):
        make_texts(tmp_path / "words.txt", length=40, tokens=600, equal=True, model=bundled_folder())


def test_all_engines_read_the_same_lengthened_table(tmp_path):
    folder = prepare_model(bundled_folder(), tmp_path / "model", 1500)
    config = json.loads((folder / "config.json").read_text())
    limits = json.loads((folder / "sentence_bert_config.json").read_text())
    assert (config["max_position_embeddings"], limits["max_seq_length"]) == (1536, 1500)
    assert load_encoder(str(folder), self_check=False).max_tokens == 1500


def test_a_model_that_is_long_enough_is_linked_and_read_without_its_prompts(tmp_path):
    source = shutil.copytree(bundled_folder(), tmp_path / "source")
    prompts = {"prompts": {"document": "passage: "}, "default_prompt_name": "document"}
    (source / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    folder = prepare_model(source, tmp_path / "model", 300)
    assert (folder / "model.safetensors").is_symlink()
    made, own = load_encoder(str(folder)), load_encoder(max_tokens=300)
    assert made.max_tokens == 300
    assert made.encode(["who pays the rent?"]) == pytest.approx(own.encode(["who pays the rent?"]), abs=1e-6)
    assert json.loads((source / "config_sentence_transformers.json").read_text()) == prompts


def test_a_model_other_than_a_bert_is_not_lengthened(tmp_path):
    source = shutil.copytree(bundled_folder(), tmp_path / "source")
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps(config | {"model_type": "xlm-roberta"}))
    with pytest.raises(EvaluationError, match=r"positions for 512 tokens.*instead of 513"):
        prepare_model(source, tmp_path / "model", 513)


def test_the_limit_counts_the_products_of_layers_alone(tmp_path):
    weights = {
        "embeddings.word_embeddings.weight": (100, 8),
        "layers.0.attn.Wqkv.weight": (24, 8),
        "layers.0.norm.weight": (8,),
        "layers.1.mlp.Wo.weight": (8, 16),
        "pooler.dense.weight": (8, 8),
    }
    save_file(
        {name: np.zeros(shape, dtype=np.float32) for name, shape in weights.items()},
        tmp_path / "a.safetensors",
    )
    assert sorted(_linear_shapes(tmp_path)) == [(8, 16), (24, 8)]
    with pytest.raises(EvaluationError, match="no weights of layers"):
        _linear_shapes(tmp_path / "none")


def test_the_limit_falls_with_the_length_of_texts():
    limits = [gemm_limit(bundled_folder(), 1, [length] * 4, "cpu") for length in (16, 100_000)]
    assert limits[0] > 20 * limits[1] > 0


def test_what_is_not_installed_is_said_to_be_missing(monkeypatch):
    monkeypatch.setitem(NEEDS, "other", ("no_such_package",))
    assert why_missing("other", sys.executable, "cpu") == "not installed: no_such_package"
    assert why_missing("longdoc float32", sys.executable, "cpu") == ""
    assert Figure(engine="other", length=160, missing="x").tokens_per_second == 0.0


def test_cosines_do_not_depend_on_the_lengths_of_rows():
    rows = np.array([[3.0, 4.0], [1.0, 0.0]], dtype=np.float32)
    others = np.array([[0.6, 0.9], [0.0, 2.0]], dtype=np.float32)
    assert cosines_of(rows, others) == pytest.approx([0.99846, 0.0], abs=1e-5)


def test_a_worker_that_ended_is_told_from_one_that_answers():
    command = [sys.executable, "-c", "input(); print('{}', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert _asked(worker) == {}
        assert _asked(worker) is None
        worker.wait()
        assert _asked(worker) is None
