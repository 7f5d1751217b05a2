"""What the files of a sentence-transformers or plain transformers folder say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from encoders.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from encoders.config import PoolingName
    from encoders.types import TextKind

_MODES: Final[dict[str, PoolingName]] = {
    "mean": "mean",
    "cls": "cls",
    "max": "max",
    "lasttoken": "last",
    "weightedmean": "weighted_mean",
    "mean_sqrt_len_tokens": "mean_sqrt",
}
_OLD_FLAGS: Final = {  # in the order in which sentence-transformers puts several side by side
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_LIMITS: Final = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_HEADS: Final = (["Transformer", "Pooling"], ["Transformer"])
_QUERY_PROMPTS: Final = ("query", "search_query", "retrieval.query")
_DOCUMENT_PROMPTS: Final = ("document", "passage", "search_document", "retrieval.passage", "corpus")
_READ_WHOLE: Final = 4 << 20
_BLOCKS: Final = 256
_BLOCK_BYTES: Final = 16 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """A model on disk.

    Attributes:
        path: the folder.
        transformer: the folder of the transformer itself.
        revision: 16 digits of a digest over every file's name, size and content; of a large one
            256 blocks from its beginning to its end, so that changed weights of a layer show.
        pooling: tokens to one vector; several are concatenated.
        include_prompt: False when the prompt's tokens are left out of the pooling.
        after_pooling: what follows the pooling, in order: the folder of a linear layer, or None
            where vectors are scaled to unit length. What all vectors get at the end is left out.
        max_tokens: the limit that the folder states, None when it states none.
        lowercase: the text is lowered before the tokenizer sees it.
        prompts: text before every query or document.
    """

    path: Path
    transformer: Path
    revision: str
    pooling: tuple[PoolingName, ...] = ("mean",)
    include_prompt: bool = True
    after_pooling: tuple[Path | None, ...] = ()
    max_tokens: int | None = None
    lowercase: bool = False
    prompts: Mapping[TextKind, str] = field(default_factory=dict)


def read_folder(path: Path) -> ModelFolder:
    """Read the modules, prompts and limits of a model folder.

    A folder without ``modules.json`` is a plain transformer, pooled by its mean.

    Raises:
        ModelError: no ``config.json``, a module that is not known here, or modules in an order that is not.
    """
    modules = cast("list[dict[str, str]]", _json(path / "modules.json") or [])
    places = {_module_kind(path, module): path / module["path"] for module in modules}
    transformer = places.get("Transformer", path)
    if not (transformer / "config.json").is_file():
        raise ModelError(f"{path} is no model folder: it has no config.json", path=str(path))
    found = (_json(transformer / name) for name in _LIMITS)
    limits = cast("dict[str, object]", next(filter(None, found), {}))
    pooling, include_prompt = _pooling(places.get("Pooling"))
    limit = limits.get("max_seq_length")
    return ModelFolder(
        path=path,
        transformer=transformer,
        revision=_revision(path),
        pooling=pooling,
        include_prompt=include_prompt,
        after_pooling=_after_pooling(path, modules),
        max_tokens=limit if isinstance(limit, int) and limit > 0 else None,
        lowercase=bool(limits.get("do_lower_case", False)),
        prompts=_prompts(path),
    )


def _module_kind(path: Path, module: Mapping[str, str]) -> str:
    kind = module["type"].rpartition(".")[2]
    if kind not in {"Transformer", "Pooling", "Dense", "Normalize"}:
        raise ModelError(
            f"{path} has a module {module['type']}; "
            "only Transformer, Pooling, Dense and Normalize can be read here",
            module=module["type"],
        )
    return kind


def _after_pooling(path: Path, modules: Sequence[Mapping[str, str]]) -> tuple[Path | None, ...]:
    kinds = [_module_kind(path, module) for module in modules]
    head = kinds.index("Pooling") + 1 if "Pooling" in kinds else 1
    if not kinds or (set(kinds[head:]) <= {"Dense", "Normalize"} and kinds[:head] in _HEADS):
        steps = zip(kinds[head:], modules[head:], strict=True)
        after = tuple(path / one["path"] if kind == "Dense" else None for kind, one in steps)
        return after[:-1] if after and after[-1] is None else after
    raise ModelError(
        f"{path} has its modules in the order {', '.join(kinds)}; only a Transformer, then a Pooling, then "
        "Dense and Normalize can be read here",
        path=str(path),
    )


def _pooling(path: Path | None) -> tuple[tuple[PoolingName, ...], bool]:
    if path is None:
        return ("mean",), True
    config = cast("dict[str, object]", _json(path / "config.json") or {})
    named = config.get("pooling_mode")
    modes = [name for flag, name in _OLD_FLAGS.items() if config.get(flag)] or ["mean"]
    if isinstance(named, str):
        modes = [named]
    elif isinstance(named, list):
        modes = [str(mode) for mode in named]
    unknown = [mode for mode in modes if mode not in _MODES]
    if unknown or not modes:
        raise ModelError(
            f"{path} asks for the pooling {unknown or 'of nothing'}; known are {', '.join(_MODES)}",
            path=str(path),
        )
    return tuple(_MODES[mode] for mode in modes), bool(config.get("include_prompt", True))


def _prompts(path: Path) -> dict[TextKind, str]:
    config = cast("dict[str, object]", _json(path / "config_sentence_transformers.json") or {})
    named = cast("dict[str, str | None]", config.get("prompts") or {})
    default = named.get(str(config.get("default_prompt_name"))) or ""
    return {
        "query": _first(named, _QUERY_PROMPTS, default),
        "document": _first(named, _DOCUMENT_PROMPTS, default),
    }


def _first(named: Mapping[str, str | None], names: tuple[str, ...], default: str) -> str:
    return next((prompt for name in names if (prompt := named.get(name)) is not None), default)


def _revision(path: Path) -> str:
    """Digest every file without reading gigabytes."""
    from hashlib import sha256

    digest = sha256()
    for file in sorted(path.rglob("*")):
        if file.suffix not in {".json", ".safetensors", ".bin", ".txt", ".model"} or not file.is_file():
            continue
        size = file.stat().st_size
        digest.update(f"{file.relative_to(path)} {size}\n".encode())
        with file.open("rb") as opened:
            if size <= _READ_WHOLE:
                digest.update(opened.read())
                continue
            for block in range(_BLOCKS):
                opened.seek(block * (size - _BLOCK_BYTES) // (_BLOCKS - 1))
                digest.update(opened.read(_BLOCK_BYTES))
    return digest.hexdigest()[:16]


def _json(path: Path) -> object:
    if not path.is_file():
        return None
    try:
        return cast("object", json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}", path=str(path)) from error
