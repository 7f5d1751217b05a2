"""Cut documents into tiles that fit an encoder, along their structure.

One packer (`encoders.segmentation_packing`) serves every kind of text; what
differs is where good cuts are (`encoders.segmentation_layout`).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from encoders.breadcrumbs import FittedBreadcrumbs, fit_breadcrumbs
from encoders.code import code_layout
from encoders.errors import InvalidInputError
from encoders.graphemes import grapheme_breaks, last_break
from encoders.languages import code_language
from encoders.segmentation_fitting import Draft, counts_add_up, fit
from encoders.segmentation_layout import Layout, lines_layout, markdown_layout, prose_layout
from encoders.segmentation_packing import Limits, Tile, make_block, pack
from encoders.types import Document, Segment, SegmentationReport, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from encoders.protocols import Tokenizer

CodeRules: TypeAlias = Literal["syntax", "lines"]

_VERSION: Final = 1
_BLOCK_CHARS: Final = 1 << 18
_MARKDOWN: Final = frozenset({"text/markdown", "text/x-markdown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterConfig:
    """How large segments are and by which rules code is cut.

    Attributes:
        max_tokens: everything the model reads for a segment: special tokens,
            breadcrumb, context and tile.
        context_tokens: at most so many tokens before the tile are read with it.
        max_chars: of a tile; only a single grapheme may be longer.
        code: cut code along its syntax tree or along its lines.
    """

    max_tokens: int = 160
    context_tokens: int = 32
    max_chars: int = 4000
    code: CodeRules = "syntax"

    @property
    def breadcrumb_tokens(self) -> int:
        """The longest breadcrumb: a quarter of what the model reads."""
        return self.max_tokens // 4

    def __post_init__(self) -> None:
        if self.max_tokens < 8:
            raise InvalidInputError(
                f"max_tokens is {self.max_tokens}; give at least 8", max_tokens=self.max_tokens
            )
        if not 0 <= self.context_tokens <= self.max_tokens // 2:
            raise InvalidInputError(
                f"context_tokens is {self.context_tokens}; give 0 to {self.max_tokens // 2} (max_tokens / 2)",
                context_tokens=self.context_tokens,
                max_tokens=self.max_tokens,
            )
        if self.max_chars < 1:
            raise InvalidInputError(
                f"max_chars is {self.max_chars}; give at least 1", max_chars=self.max_chars
            )


class DocumentSegmenter:
    """Segments documents by the rules of their media type (`encoders.protocols.Segmenter`).

    A cut lies before a word or in white space; inside a word only where a single
    word is longer than a tile may be; inside a grapheme never. White space stays
    with what precedes it, indentation with its line.
    """

    def __init__(self, tokenizer: Tokenizer, config: SegmenterConfig | None = None) -> None:
        self._tokenizer = tokenizer
        self._config = config or SegmenterConfig()
        self._trust = counts_add_up(tokenizer)

    @property
    def config(self) -> SegmenterConfig:
        """The budget and the rules."""
        return self._config

    @property
    def recipe(self) -> dict[str, str | int]:
        """Return everything that changes the tiles."""
        config = self._config
        recipe: dict[str, str | int] = {
            "segmenter": "document",
            "version": _VERSION,
            "max_tokens": config.max_tokens,
            "context_tokens": config.context_tokens,
            "max_chars": config.max_chars,
            "code": config.code,
        }
        if config.code == "syntax":
            recipe["grammars"] = version("tree-sitter-language-pack")
        return recipe

    def segment(self, document: Document) -> list[Segment]:
        """Cut ``document`` into tiles."""
        return self.segment_with_report(document)[0]

    def segment_with_report(self, document: Document) -> tuple[list[Segment], SegmentationReport]:
        """Cut ``document`` and say by which rules."""
        layout = self._layout(document)
        segments: list[Segment] = []
        for drafts in self._drafts(document.text, layout):
            for draft in drafts:
                segments.append(_segment(len(segments), draft, layout))
        return segments, SegmentationReport(
            rules=layout.rules, language=layout.language, reason=layout.reason
        )

    def _layout(self, document: Document) -> Layout:
        if document.media_type in _MARKDOWN:
            return markdown_layout(document)
        language = code_language(document)
        if language is None:
            return prose_layout(document)
        if self._config.code == "lines":
            return replace(lines_layout(document), language=language)
        return code_layout(document, language)

    def _drafts(self, text: str, layout: Layout) -> Iterator[list[Draft]]:
        """Yield the fitted drafts of one block of the text after the other."""
        crumbs = fit_breadcrumbs(layout.breadcrumbs, self._tokenizer, self._config.breadcrumb_tokens)
        limits_at = self._limits(crumbs)
        size = max(_BLOCK_CHARS, 16 * self._config.max_chars)
        start = first = 0
        while first < len(text):
            end = _block_end(text, start, max(size, first - start + size // 2))
            tiles = self._tiles(text, start, end, first, layout, limits_at)
            # The last tile of a block was cut short by the block: the next block does it again.
            kept = tiles[:-1] if end < len(text) and len(tiles) > 1 else tiles
            drafts = [_draft(tile, crumbs.at(tile.start)[0]) for tile in kept]
            yield fit(text, drafts, self._tokenizer, self._config.max_tokens, trust=self._trust)
            start, first = kept[-1].start, kept[-1].end

    def _tiles(
        self, text: str, start: int, end: int, first: int, layout: Layout, limits_at: Callable[[int], Limits]
    ) -> list[Tile]:
        tokens = self._tokenizer.tokenize([text[start:end]])[0]
        block = make_block(text, start, end, tokens=tokens, cuts=layout.cuts(text, start, end))
        return pack(block, first, limits_at)

    def _limits(self, crumbs: FittedBreadcrumbs) -> Callable[[int], Limits]:
        config = self._config
        tokens = config.max_tokens - self._tokenizer.special_tokens

        def limits_at(start: int) -> Limits:
            return Limits(tokens - crumbs.at(start)[1], config.context_tokens, config.max_chars)

        return limits_at


def _draft(tile: Tile, breadcrumb: str) -> Draft:
    return Draft(
        start=tile.start,
        end=tile.end,
        context_start=tile.context_start,
        tokens=tile.tokens,
        exact=tile.exact,
        breadcrumb=breadcrumb,
    )


def _segment(ordinal: int, draft: Draft, layout: Layout) -> Segment:
    span = Span(draft.start, draft.end)
    low = bisect_left(layout.symbols, draft.start, key=lambda pair: pair[0])
    high = bisect_left(layout.symbols, draft.end, key=lambda pair: pair[0])
    return Segment(
        ordinal=ordinal,
        span=span,
        context_start=draft.context_start,
        tokens=draft.tokens,
        kind=layout.regions.kind_of(span, layout.kind),
        breadcrumb=draft.breadcrumb,
        symbols=tuple(symbol for _, symbol in layout.symbols[low:high]),
    )


def _block_end(text: str, start: int, size: int) -> int:
    """Return a grapheme break at most ``size`` behind ``start``, a line's start if there is one near."""
    limit = start + size
    if limit >= len(text):
        return len(text)
    line = text.rfind("\n", start + size // 2, limit) + 1
    if line:
        return line
    near = np.arange(size - size // 8, size, dtype=np.int64)
    breaks = near[grapheme_breaks(text[start:limit], near)]
    return start + int(breaks[-1]) if len(breaks) else last_break(text, start, limit)
