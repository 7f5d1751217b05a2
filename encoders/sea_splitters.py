"""The splitters of SEA without a syntax tree, for comparison: sliding windows of words, tokens or lines.

A window of ``window`` units that moves by ``step`` becomes a tile of ``step`` units
with the units before it, up to the window, as context; so the tiles still tile the text.

Source:
    Hu et al. 2022, arXiv:2208.11271, section 3.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from encoders.errors import InvalidInputError
from encoders.graphemes import grapheme_breaks
from encoders.segmentation_fitting import Draft, fit
from encoders.types import Segment, SegmentationReport, SegmentKind, Span

if TYPE_CHECKING:
    from encoders.protocols import Tokenizer
    from encoders.types import Document

WindowUnit: TypeAlias = Literal["space", "token", "line"]

_STARTS: Final[dict[WindowUnit, re.Pattern[str]]] = {
    "space": re.compile(r"(?<!\S)\S"),
    "token": re.compile(r"\w+|[^\w\s]"),
    "line": re.compile(r"(?:\A|(?<=\n))[^\n]"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowConfig:
    """A sliding window.

    Attributes:
        unit: what it counts: words between spaces, lexical tokens, or lines that are not empty.
        window: units that are read at once.
        step: units by which it moves.
        max_tokens: the longest reading, special tokens included; longer windows are cut.
    """

    unit: WindowUnit = "line"
    window: int = 32
    step: int = 16
    max_tokens: int = 256

    def __post_init__(self) -> None:
        if not 1 <= self.step <= self.window:
            raise InvalidInputError(
                f"step is {self.step} and window {self.window}; a step has 1 to {self.window} units",
                step=self.step,
                window=self.window,
            )


class WindowSegmenter:
    """Cuts by a sliding window (`encoders.protocols.Segmenter`)."""

    def __init__(self, tokenizer: Tokenizer, config: WindowConfig | None = None) -> None:
        self._tokenizer = tokenizer
        self._config = config or WindowConfig()

    @property
    def recipe(self) -> dict[str, str | int]:
        """Return the window."""
        config = self._config
        return {
            "segmenter": "window",
            "unit": config.unit,
            "window": config.window,
            "step": config.step,
            "max_tokens": config.max_tokens,
        }

    def segment_with_report(self, document: Document) -> tuple[list[Segment], SegmentationReport]:
        """Cut ``document``; a window knows no weaker rules."""
        return self.segment(document), SegmentationReport(rules="window")

    def segment(self, document: Document) -> list[Segment]:
        """Cut ``document`` into tiles of ``step`` units."""
        if not document.text:
            return []
        drafts = self._drafts(document.text)
        fitted = fit(document.text, drafts, self._tokenizer, self._config.max_tokens, trust=False)
        kind: SegmentKind = "prose" if document.media_type in ("text/plain", "text/markdown") else "code"
        return [
            Segment(
                ordinal=ordinal,
                span=Span(draft.start, draft.end),
                context_start=draft.context_start,
                tokens=draft.tokens,
                kind=kind,
            )
            for ordinal, draft in enumerate(fitted)
        ]

    def _drafts(self, text: str) -> list[Draft]:
        config = self._config
        units = _unit_starts(text, config.unit)
        overlap = config.window - config.step
        return [
            Draft(
                start=start,
                end=end,
                context_start=units[max(0, place - overlap)],
                tokens=0,
                exact=False,  # so that `fit` counts them
            )
            for place, (start, end) in zip(
                range(0, len(units), config.step),
                pairwise([*units[:: config.step], len(text)]),
                strict=True,
            )
        ]


def _unit_starts(text: str, unit: WindowUnit) -> list[int]:
    """Return where units begin; the first begins at 0, whatever white space is before it."""
    found = np.array([match.start() for match in _STARTS[unit].finditer(text)], dtype=np.int64)
    whole = found[grapheme_breaks(text, found)] if len(found) else found
    return [0, *whole[1:].tolist()]
