"""Fits material to a token budget.

What is chosen by counts of parts is written and counted as a whole; tokenizers merge
across borders, so the whole may take more. Then it is chosen again for so much less, and
at last the worst passages are given up one by one: the budget holds for any tokenizer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retriever.context.choosing import Chooser
from retriever.context.citing import Scribe
from retriever.context.formats import Written, open_writer
from retriever.context.orders import lay_out
from retriever.context.styles import CitationStyle
from retriever.context.types import Context, Dropped, TokenUse
from retriever.types import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from retriever.context.counting import Counter
    from retriever.context.material import Material
    from retriever.context.passages import Passage
    from retriever.context.types import ContextOptions, Template

_TRIES: Final = 4
_NOTHING: Final = Written(text="", places=(), counted=())


def pack(
    material: Material,
    options: ContextOptions,
    counter: Counter,
    template: Template | str | Callable[[Mapping[str, str]], str] | None = None,
) -> Context:
    """Make a context of ``material`` that takes at most ``options.max_tokens``.

    Args:
        material: what there is to show.
        options: the caller's wishes.
        counter: of any kind: what is returned was counted as a whole.
        template: how sources are written; that of ``options`` when None.

    Raises:
        InvalidInputError: a citation or template that cannot be used.
    """
    return _Packer(material, options, counter, template).pack()


class _Packer:
    def __init__(
        self,
        material: Material,
        options: ContextOptions,
        counter: Counter,
        template: Template | str | Callable[[Mapping[str, str]], str] | None,
    ) -> None:
        style = CitationStyle(options.citation)
        question = "\n".join(material.queries)
        writer = open_writer(options.format, style, template or options.template, question)
        self._material = material
        self._options = options
        self._counter = counter
        self._scribe = Scribe(material, writer, style)
        self._sizes: dict[tuple[int, int, int], int] = {}
        self._frame = self._count(self._scribe.join([]))
        two, one = (self._count(self._scribe.join(["0"] * number)) for number in (2, 1))
        self._joint = max(0, two - one - counter.count("0"))

    def pack(self) -> Context:
        room = self._options.max_tokens - self._frame
        for _ in range(_TRIES):
            chooser = Chooser(self._material, self._options, self._measure, room)
            chooser.choose()
            passages = sorted(chooser.passages, key=lambda one: one.rank)
            excess = self._count(self._scribe.join(self._written(passages))) - self._options.max_tokens
            if excess <= 0 or not passages:
                break
            room -= excess
        given_up: list[Passage] = []
        while passages and (bad := self._one_too_many(passages)) is not None:
            passages.remove(bad)
            given_up.append(bad)
        dropped = [*self._material.dropped, *chooser.dropped, *self._lost(given_up)]
        return self._context(passages, tuple(dropped))

    def _ordered(self, passages: Sequence[Passage]) -> list[Passage]:
        places = [(one.source, one.span.start) for one in passages]
        return lay_out(passages, self._options.order, places)

    def _written(self, passages: Sequence[Passage]) -> list[str]:
        return self._scribe.write_each(self._ordered(passages))

    def _one_too_many(self, passages: Sequence[Passage]) -> Passage | None:
        """Return the worst passage of a document over its cap, or of all when they are over the budget."""
        ordered = self._ordered(passages)
        sources = self._scribe.write_each(ordered)
        if (cap := self._options.max_tokens_per_document) is not None:
            taken: dict[int, int] = {}
            for passage, source in zip(ordered, sources, strict=True):
                taken[passage.source] = taken.get(passage.source, 0) + self._counter.count(source)
            over = [one for one in passages if taken[one.source] > cap]
            if over:
                return over[-1]
        used = self._count(self._scribe.join(sources))
        return passages[-1] if used > self._options.max_tokens else None

    def _lost(self, passages: Sequence[Passage]) -> list[Dropped]:
        return [
            Dropped(
                evidence_id=self._material.pieces[place].evidence_id,
                reason="budget",
                document_id=self._material.sources[passage.source].document.id,
                tokens=passage.tokens,
            )
            for passage in passages
            for place in passage.pieces
        ]

    def _context(self, passages: Sequence[Passage], dropped: tuple[Dropped, ...]) -> Context:
        ordered = self._ordered(passages)
        sources = self._scribe.write_each(ordered)
        written = self._scribe.join(sources) if passages else _NOTHING
        citations = [
            self._scribe.cite(
                passage,
                n=n,
                rank=passages.index(passage) + 1,
                place=place,
                tokens=self._counter.count(source),
            )
            for n, (passage, source, place) in enumerate(
                zip(ordered, sources, written.places, strict=True), start=1
            )
        ]
        return Context(
            text=written.text,
            tokens=TokenUse(
                used=self._count(written) if passages else 0,
                budget=self._options.max_tokens,
                tokenizer=self._counter.name,
                exact=self._counter.exact,
            ),
            citations=tuple(citations),
            dropped=dropped,
            messages=written.messages,
            blocks=written.blocks,
            answerable=self._material.answerable,
            warnings=(*self._material.warnings, *self._warnings(passages, dropped)),
            meta=self._material.meta,
        )

    def _warnings(self, passages: Sequence[Passage], dropped: Sequence[Dropped]) -> list[Warned]:
        sizes = [one.tokens for one in dropped if one.reason in ("budget", "document_budget") and one.tokens]
        if not passages and sizes:
            detail = (
                f"nothing fits: the smallest evidence takes {min(sizes)} tokens with its label and the frame "
                f"{self._frame}; max_tokens is {self._options.max_tokens}"
            )
            return [Warned(code="budget_too_small", detail=detail)]
        if not self._material.pieces:
            return [Warned(code="no_evidence", detail="the search found no evidence to show")]
        return []

    def _measure(self, passage: Passage) -> int:
        key = (passage.source, passage.span.start, passage.span.end)
        if key not in self._sizes:
            numbers = len(self._material.pieces)
            self._sizes[key] = self._joint + self._counter.count(
                self._scribe.write(passage, n=numbers, numbers=numbers)
            )
        return self._sizes[key]

    def _count(self, written: Written) -> int:
        return written.overhead + sum(self._counter.count(part) for part in written.counted)
