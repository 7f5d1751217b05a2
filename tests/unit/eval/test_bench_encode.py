import json
import subprocess
import sys

import numpy as np
import pytest

from encoders.fast_tokenizer import load_tokenizer
from encoders.loading import bundled_folder
from eval.bench_encode import Figure, _asked, cosines_of, make_texts
from eval.bench_engines import NEEDS, lengthened_folder, why_missing


@pytest.mark.parametrize(("length", "equal"), [(160, False), (160, True), (512, False)])
def test_texts_are_real_fit_the_length_and_add_up(length, equal):
    texts, counted = make_texts(None, length=length, tokens=2000, equal=equal)
    sizes = [len(spans) + 2 for spans in load_tokenizer(bundled_folder()).tokenize(texts)]
    assert sizes == counted
    assert sum(sizes) >= 2000
    assert max(sizes) <= length
    assert (len(set(sizes)) == 1) == equal


@pytest.mark.parametrize("equal", [False, True])
def test_no_text_is_cut_inside_a_word(tmp_path, equal):
    (tmp_path / "words.txt").write_text("antidisestablishmentarianism otter is in the unbelievability " * 300)
    texts, counted = make_texts(tmp_path / "words.txt", length=40, tokens=600, equal=equal)
    tokens = load_tokenizer(bundled_folder()).tokenize(texts)
    assert [len(spans) + 2 for spans in tokens] == counted
    assert sum(counted) >= 600
    words = set("antidisestablishmentarianism otter is in the unbelievability".split())
    assert {word for text in texts for word in text.split()} == words


def test_a_folder_is_read_as_beir(tmp_path):
    lines = [json.dumps({"_id": str(n), "text": f"document {n} about rent. " * 30}) for n in range(3)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(lines))
    texts, _ = make_texts(tmp_path, length=64, tokens=300, equal=False)
    assert all("rent" in text for text in texts)


def test_all_engines_read_the_same_lengthened_table(tmp_path):
    folder = lengthened_folder(tmp_path / "model", 1500)
    config = json.loads((folder / "config.json").read_text())
    limits = json.loads((folder / "sentence_bert_config.json").read_text())
    assert (config["max_position_embeddings"], limits["max_seq_length"]) == (1536, 1500)


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
