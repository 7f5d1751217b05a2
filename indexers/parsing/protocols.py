"""The seam behind which every file format lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions, Source


class Parser(Protocol):
    """Turns the bytes of one format into canonical text with its structure."""

    def __call__(self, source: Source, options: ParseOptions) -> Parsed:
        """Read ``source``.

        The parser writes the canonical text; marks point into that text. Whatever it
        leaves out (pictures, repeated page headers, deleted text) is named in the notes.

        Raises:
            UnparsableError: there is no text to be had: encrypted, damaged, empty, too large.
            MissingDependencyError: the library for this format is not installed.
        """
        ...
