"""Which documents hold a phrase, letter for letter: looked up by terms, verified on the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexers.filters import Condition, all_of
from indexers.languages import ENGLISH
from indexers.lexical import analyse, query_vector, words_of
from indexers.types import DOCUMENT_LEXICAL, VectorQuery
from retriever.selecting import matching_entries

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from indexers.catalogue import Entry
    from indexers.collection import Collection
    from indexers.filters import Filter

_MOST_VERDICTS = 200_000


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a text must hold.

    In double quotes it is a phrase: its words in order, whatever their case and the
    white space between them, and no part of a longer word. Without quotes it is a
    literal: these characters and no others.
    """

    source: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The same as a regular expression."""
        quoted = self._quoted()
        if quoted is None:
            return re.compile(re.escape(self.source))
        before = r"(?<!\w)" if re.match(r"\w", quoted) else ""
        after = r"(?!\w)" if re.search(r"\w$", quoted) else ""
        return re.compile(before + r"\s+".join(map(re.escape, quoted.split())) + after, re.IGNORECASE)

    def terms(self, languages: Set[str] = frozenset({ENGLISH})) -> set[frozenset[str]]:
        """Return sets of terms: a text that holds the phrase has one of each, in whichever language it is."""
        quoted = self._quoted()
        text = self.source if quoted is None else f" {quoted} "
        found = set()
        for word in _whole_words(text):
            readings = [analyse(word.replace("_", "").lower(), one)[:1] for one in languages]
            if all(readings):  # a word that a language drops is no sign of a text in it
                found.add(frozenset(term for [term] in readings))
        return found

    def _quoted(self) -> str | None:
        source = self.source.strip()
        inside = source[1:-1].strip()
        return inside if len(source) > 2 and source[0] == source[-1] == '"' and inside else None


class PhraseFinder:
    """Finds the documents that hold phrases, and remembers what it read of a text."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[str, str], bool] = {}

    def condition(
        self, collection: Collection, phrases: Sequence[str], where: Filter | None
    ) -> Filter | None:
        """Return a filter for the documents that hold all phrases; None without phrases."""
        if not phrases:
            return None
        held = [Phrase(source) for source in phrases]
        candidates = _holding_terms(
            collection, set().union(*(one.terms(collection.languages) for one in held)), where
        )
        if candidates is None:
            candidates = {entry.doc_id for entry in matching_entries(collection, where)}
        live = ((doc_id, collection.entries.get(doc_id)) for doc_id in sorted(candidates))
        found = [doc_id for doc_id, entry in live if entry and self.holds(collection, entry, held)]
        return Condition("doc_id", "$in", tuple(found))

    def holds(self, collection: Collection, entry: Entry, phrases: Sequence[Phrase]) -> bool:
        """Tell whether the text of a version of a document holds all phrases."""
        return all(self._verdict(collection, entry, phrase) for phrase in phrases)

    def _verdict(self, collection: Collection, entry: Entry, phrase: Phrase) -> bool:
        key = (entry.text, phrase.source)
        if key not in self._verdicts:
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            self._verdicts[key] = phrase.pattern.search(collection.text(entry)) is not None
        return self._verdicts[key]


def _whole_words(text: str) -> Iterator[str]:
    """Yield the words of ``text`` that cannot be parts of longer ones in another text."""
    for word, start, end in words_of(text):
        if 0 < start and end < len(text) and not re.match(r"\w", text[start - 1]):
            if not re.match(r"\w", text[end]):
                yield word


def _holding_terms(
    collection: Collection, terms: Set[frozenset[str]], where: Filter | None
) -> set[str] | None:
    """Return the documents that have a term of each set; None when there is none to go by."""
    found: set[str] | None = None
    for readings in sorted(map(sorted, terms)):
        query = VectorQuery(
            vector=query_vector(readings),
            using=DOCUMENT_LEXICAL,
            limit=max(1, len(collection.entries)),
            filter=all_of(where),
            payload=("doc_id",),
        )
        [hits] = collection.index.query([query])
        holders = {hit.payload["doc_id"] for hit in hits}
        found = holders if found is None else found & holders
        if not found:
            break
    return found
