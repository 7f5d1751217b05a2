"""The model that ``longdoc bench encode`` measures: one folder that every engine reads alike."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any, Final

from eval.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_OF_A_LAYER: Final = re.compile(r"\blayers?\.\d+\.")
_TABLE: Final = "position_embeddings.weight"


def prepare_model(source: Path, place: Path, length: int) -> Path:
    """Write a folder in ``place`` whose model reads ``length`` tokens in one pass, without prompts.

    The position table of a BERT that is too short is lengthened with interpolated rows. Weights that
    stay as they are are linked.

    Raises:
        EvaluationError: another model reads fewer tokens than that.
    """
    from encoders.model_folder import read_folder

    own = read_folder(source).transformer
    config = json.loads((own / "config.json").read_text(encoding="utf-8"))
    limit = config.get("max_position_embeddings", length)
    is_short = limit < length
    if is_short and config.get("model_type") != "bert":
        raise EvaluationError(
            f"{source.name} has positions for {limit} tokens, and only a BERT is lengthened for a "
            f"measurement; name --lengths up to that instead of {length}",
            limit=limit,
        )
    for file in source.rglob("*"):
        target = place / file.relative_to(source)
        if file.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif file.suffix == ".json":
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
        elif not (is_short and file.suffix in {".safetensors", ".bin"}):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file.resolve())
    transformer = place / own.relative_to(source)
    if is_short:
        limit = _lengthen(own, transformer, length)
    _change(transformer / "sentence_bert_config.json", max_seq_length=length)
    _change(transformer / "tokenizer_config.json", model_max_length=limit)
    _change(place / "config_sentence_transformers.json", prompts={}, default_prompt_name=None)
    return place


def _lengthen(source: Path, target: Path, length: int) -> int:
    from safetensors.numpy import load_file, save_file

    from encoders.extension import interpolated_table

    weights = load_file(source / "model.safetensors")
    name = next(name for name in weights if name.endswith(_TABLE))
    weights[name] = interpolated_table(weights[name], factor=-(-length // len(weights[name])))
    weights.pop(name.replace(_TABLE, "position_ids"), None)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    rows = len(weights[name])
    _change(target / "config.json", max_position_embeddings=rows)
    return rows


def _change(path: Path, **values: object) -> None:
    before = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(before | values), encoding="utf-8")


def gemm_limit(folder: Path, threads: int, sizes: Sequence[int], device: str) -> float:
    """Return the tokens per second of ``device`` if all but a model's matrix products were free.

    The products are those of the linear layers, at the rate measured for their shapes, and
    those of attention, each token to every other of its text, at the mean rate of these. On a CPU they
    are in float32 and the seconds are the processor's, elsewhere in bfloat16 and by the clock.

    Args:
        folder: of the transformer.
        threads: that compute.
        sizes: tokens of each text; attention grows with their squares.
        device: where.

    Raises:
        EvaluationError: the folder holds no safetensors.
    """
    import torch

    torch.set_num_threads(threads)
    shapes = _linear_shapes(folder)
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads = config["num_attention_heads"]
    width = heads * (config.get("head_dim") or config["hidden_size"] // heads)
    on_cpu = device == "cpu"
    rows, dtype = (1024, torch.float32) if on_cpu else (65_536, torch.bfloat16)
    clock = time.process_time if on_cpu else time.perf_counter
    best = dict.fromkeys(set(shapes), float("inf"))
    for shape in best:
        states, weight = (
            torch.randn(*size, device=device, dtype=dtype) for size in ((rows, shape[1]), shape)
        )
        for _ in range(30):
            start = clock()
            torch.nn.functional.linear(states, weight)
            if not on_cpu:
                torch.accelerator.synchronize()
            best[shape] = min(best[shape], clock() - start)
    linear = sum(best[shape] for shape in shapes) / rows
    operations = sum(2 * shape[0] * shape[1] for shape in shapes)
    attention = 4 * width * config["num_hidden_layers"] * sum(size * size for size in sizes) / sum(sizes)
    return float(1 / (linear * (1 + attention / operations)))


def _linear_shapes(folder: Path) -> list[tuple[int, int]]:
    """Return the shapes of the linear layers' weights, without reading these."""
    from safetensors import safe_open

    shapes: list[tuple[int, int]] = []
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="np") as opened:
            found = (tuple(opened.get_slice(n).get_shape()) for n in opened.keys() if _OF_A_LAYER.search(n))
            shapes += [(shape[0], shape[1]) for shape in found if len(shape) == 2]
    if not shapes:
        raise EvaluationError(f"{folder} holds no weights of layers in safetensors", folder=str(folder))
    return shapes
