"""Ways to cut long code that are compared: along the syntax tree, along lines, and SEA's sliding windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from encoders.protocols import Segmenter, Tokenizer
    from encoders.sea_splitters import WindowUnit

_WINDOWS: Final[dict[str, WindowUnit]] = {
    "window-space": "space",
    "window-token": "token",
    "window-line": "line",
}
SPLITS: Final = ("syntax", "lines", *_WINDOWS)

SPLIT: Final = click.option(
    "--split", type=click.Choice(SPLITS), default="syntax", show_default=True, help="How code is cut."
)


def open_splitter(name: str, tokenizer: Tokenizer) -> Segmenter:
    """Return the segmenter of that name; all of the encoder's usual budget.

    Raises:
        InvalidInputError: there is none of that name.
    """
    from encoders.sea_splitters import WindowConfig, WindowSegmenter
    from encoders.segmentation import DocumentSegmenter, SegmenterConfig

    if name in _WINDOWS:
        return WindowSegmenter(
            tokenizer, WindowConfig(unit=_WINDOWS[name], max_tokens=SegmenterConfig().max_tokens)
        )
    if name == "lines":
        return DocumentSegmenter(tokenizer, SegmenterConfig(code="lines"))
    if name == "syntax":
        return DocumentSegmenter(tokenizer)
    raise InvalidInputError(f"there is no split {name!r}; choose one of {', '.join(SPLITS)}", name=name)
