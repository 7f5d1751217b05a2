"""Counts tokens as the model of the prompt counts them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from encoders.errors import InvalidInputError, ModelError
from encoders.optional import require
from retriever.rerank.tokens import EstimatedTokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from encoders.protocols import Tokenizer as EncoderTokenizer
    from retriever.context.types import Tokenizer

ESTIMATE: Final = "estimate"
ENCODER: Final = "encoder"


class Counter(Protocol):
    """Counts the tokens of a text."""

    @property
    def name(self) -> str:
        """Who counts."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it is the tokenizer that the caller named, not an estimate."""
        ...

    def count(self, text: str) -> int:
        """Return the tokens of ``text``, special tokens excluded."""
        ...


class FunctionCounter:
    """Counts with a function that returns tokens or their number."""

    def __init__(self, function: Callable[[str], Any], *, name: str = "", exact: bool = True) -> None:
        self._function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)
        self.exact = exact

    def count(self, text: str) -> int:
        """Return the tokens of ``text``.

        Raises:
            InvalidInputError: the function returns neither a number from 0 on nor a list.
        """
        found = self._function(text)
        number = found if isinstance(found, int) else _length(found, self.name)
        if isinstance(found, bool) or number < 0:
            raise InvalidInputError(
                f"the tokenizer {self.name} returned {found!r}; return tokens or their number"
            )
        return number


def counter_of(tokenizer: Tokenizer | Any) -> Counter:
    """Make a counter of a function, or of a tokenizer of tiktoken, tokenizers or transformers."""
    name = str(getattr(tokenizer, "name", "") or getattr(tokenizer, "name_or_path", ""))
    if hasattr(tokenizer, "encode_ordinary"):
        return FunctionCounter(tokenizer.encode_ordinary, name=name)
    if hasattr(tokenizer, "no_truncation") and hasattr(tokenizer, "to_str"):
        # Model folders often cut and pad; a copy counts all of a text and nothing else.
        kind: Any = type(tokenizer)
        return FunctionCounter(_ids_of(kind.from_str(tokenizer.to_str())), name="tokenizers")
    if hasattr(tokenizer, "encode"):

        def ids(text: str) -> Any:
            encoded = tokenizer.encode(text, add_special_tokens=False)
            return getattr(encoded, "ids", encoded)

        return FunctionCounter(ids, name=name or type(tokenizer).__name__)
    if not callable(tokenizer):
        raise InvalidInputError(f"a tokenizer is a name or a function, got {type(tokenizer).__name__}")
    return FunctionCounter(tokenizer)


def open_counter(name: str | None, *, encoder: Callable[[], EncoderTokenizer] | None = None) -> Counter:
    """Open a tokenizer by name.

    Args:
        name: ``estimate`` (also when None), ``encoder`` for that of the collection, the
            name of a tiktoken encoding or of a model that tiktoken knows, a folder with a
            ``tokenizer.json`` or that file, or OWNER/MODEL on the hub.
        encoder: the encoder's tokenizer.

    Raises:
        ModelError: there is no such tokenizer, or its data is not here.
        MissingDependencyError: tiktoken or the hub client is not installed.
    """
    if name is None or name == ESTIMATE:
        return FunctionCounter(EstimatedTokens().count, name=ESTIMATE, exact=False)
    if name == ENCODER:
        if encoder is None:
            raise InvalidInputError("the encoder is not here; name another tokenizer")
        read = encoder()
        return FunctionCounter(
            lambda text: len(read.tokenize([text])[0]) if text else 0, name=ENCODER, exact=False
        )
    return _named(name)


@lru_cache(maxsize=8)
def _named(name: str) -> Counter:
    path = Path(name).expanduser()
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return _from_file(file, name)
    if name.count("/") == 1 and not path.is_absolute():
        return _from_file(_fetch(name), name)
    return _from_tiktoken(name)


def _from_file(file: Path, name: str) -> Counter:
    tokenizers = require("tokenizers", extra="local")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        raise ModelError(f"{file} is no tokenizer.json: {error}", name=name) from error
    return FunctionCounter(_ids_of(tokenizer), name=name)


def _ids_of(tokenizer: Any) -> Callable[[str], Any]:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def _fetch(name: str) -> Path:
    hub = require("huggingface_hub", extra="local")
    try:
        return Path(hub.hf_hub_download(name, "tokenizer.json"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"the hub does not give the tokenizer of {name}: {error}. Check the name and the network, "
            "or name a folder with its tokenizer.json",
            name=name,
        ) from error


def _from_tiktoken(name: str) -> Counter:
    tiktoken = require("tiktoken", extra="local")
    known = tiktoken.list_encoding_names()
    try:
        encoding_name = name if name in known else tiktoken.encoding_name_for_model(name)
    except KeyError:
        raise ModelError(
            f"there is no tokenizer {name!r}; name {ESTIMATE}, {ENCODER}, {', '.join(known)}, "
            "a folder with a tokenizer.json, or OWNER/MODEL on the hub",
            name=name,
        ) from None
    try:
        encoding = tiktoken.get_encoding(encoding_name)
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        raise ModelError(
            f"the data of {encoding_name} is not here and could not be fetched: {type(error).__name__}. "
            "Put it into a folder named by TIKTOKEN_CACHE_DIR, or name another tokenizer",
            name=name,
        ) from error
    return FunctionCounter(encoding.encode_ordinary, name=name)


def _length(found: Any, name: str) -> int:
    try:
        return len(found)
    except TypeError:
        raise InvalidInputError(
            f"the tokenizer {name} returned {type(found).__name__}; return tokens or their number"
        ) from None
