"""What every encoder asks of its input, and how it cuts batches."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from encoders.types import TextKind

KINDS: Final[tuple[TextKind, ...]] = ("query", "document")


def require_texts(texts: Sequence[str]) -> None:
    """Refuse a bare string, a value that is no string, and text that is not Unicode.

    Raises:
        TypeError: ``texts`` is one string or no sequence, or holds something else than strings.
        InvalidInputError: a text holds a lone surrogate.
    """
    if isinstance(texts, str):
        raise TypeError("texts must be a sequence of strings, got one string; wrap it in a list")
    if not hasattr(texts, "__getitem__") or not hasattr(texts, "__len__") or isinstance(texts, Mapping):
        raise TypeError(f"texts must be a sequence of strings, got {type(texts).__name__}; make it a list")
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{place}] is {type(text).__name__}, not str")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidInputError(
                f"texts[{place}] holds a lone surrogate at character {error.start}; "
                "decode the source with errors='replace'",
                place=place,
                character=error.start,
            ) from error


def require_kind(kind: str) -> None:
    """Refuse what is neither a query nor a document.

    Raises:
        InvalidInputError: it is something else.
    """
    if kind not in KINDS:
        raise InvalidInputError(f"kind must be query or document, got {kind!r}", kind=kind)


def require_prompts(prompts: object) -> None:
    """Refuse prompts that are not text for queries or documents.

    Raises:
        InvalidInputError: it is no mapping, or has another key, or a value that is no string.
    """
    if not isinstance(prompts, Mapping):
        raise InvalidInputError(
            f"prompts must map query or document to text, got {type(prompts).__name__}: "
            "for example {'query': 'query: '}"
        )
    for kind, prompt in prompts.items():
        if kind not in KINDS or not isinstance(prompt, str):
            raise InvalidInputError(
                f"prompts must map query or document to text, got {kind!r}: {prompt!r}", kind=str(kind)
            )


def token_batches(lengths: Sequence[int], *, budget: int) -> Iterator[list[int]]:
    """Cut inputs into batches that hold at most ``budget`` tokens, and nearly as many.

    The longest come first, so the largest allocation happens at once, and neighbours in length
    stay together but for those that fill what would be left of a batch. A single input over the
    budget is a batch of its own.

    Args:
        lengths: tokens of each input; an input of 0 tokens is in no batch.
        budget: tokens per batch, padding excluded.

    Yields:
        places in ``lengths``, longest first, ties by place.
    """
    of_length: dict[int, list[int]] = {}
    for place in range(len(lengths) - 1, -1, -1):
        if lengths[place]:
            of_length.setdefault(lengths[place], []).append(place)
    left = sorted(of_length)
    while left:
        batch: list[int] = []
        room = max(budget, left[-1])
        while left and left[0] <= room:
            at = bisect_right(left, room) - 1
            length = left[at]
            own = of_length[length]
            for _ in range(min(len(own), room // length)):
                batch.append(own.pop())
                room -= length
            if not own:
                del left[at]
        yield batch
