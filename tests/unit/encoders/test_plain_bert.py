import json
import shutil

import pytest

from encoders.loading import bundled_folder
from encoders.torch_bert import load_bert


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(bundled_folder() / name, tmp_path)
    return tmp_path


def test_the_bundled_model_is_a_plain_bert(folder):
    model = load_bert(folder, dtype="float32", device="cpu")
    assert (model.architecture, model.hidden_size, model.original) == ("bert", 384, 512)


@pytest.mark.parametrize(
    "other",
    [
        {"model_type": "xlm-roberta"},
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"is_decoder": True},
        {"quantization_config": {"bits": 8}},
        {"num_hidden_layers": 7},
    ],
    ids=str,
)
def test_what_is_not_plain_or_not_whole_is_left_to_transformers(folder, other):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **other}))
    assert load_bert(folder, dtype="float32", device="cpu") is None


def test_a_folder_without_safetensors_is_left_to_transformers(folder):
    (folder / "model.safetensors").unlink()
    assert load_bert(folder, dtype="float32", device="cpu") is None
