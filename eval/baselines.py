"""What anybody can have without this project: BM25, and one vector of a text's beginning.

Both read what the retriever is given: the title, unless the text begins with it, and the text.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from encoders.optional import require
from encoders.types import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from encoders.protocols import Encoder
    from encoders.types import Document
    from eval.types import Query

K1 = 1.5
B = 0.75
TRUNCATED_TOKENS = 512


class BM25Baseline:
    """BM25 over whole documents with rank-bm25's statistics and an IDF without its quirk.

    The score of a document ``d`` is the sum over the terms ``t`` of the query, repeated
    ones repeatedly, of ``idf(t) * f * (k1 + 1) / (f + k1 * (1 - b + b * |d| / avg|d|))``
    with ``f`` the frequency of ``t`` in ``d``, ``k1`` 1.5, ``b`` 0.75 and
    ``idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5))``, which is Lucene's. `rank_bm25.BM25Okapi`
    itself gives a term that more than half of the documents hold a share of the average
    IDF instead, which lets common words decide in small collections.

    Source:
        Robertson & Zaragoza 2009, doi:10.1561/1500000019.
    """

    def __init__(self, documents: Sequence[Document], analyse: Callable[[str], list[str]]) -> None:
        self._analyse = analyse
        self._ids = [document.id for document in documents]
        self._postings = _postings([analyse(readable(document)) for document in documents])

    def scores(self, text: str) -> npt.NDArray[np.float64]:
        """Score all documents for one query, in their order."""
        total = np.zeros(len(self._ids))
        for term, count in Counter(self._analyse(text)).items():
            if term in self._postings:
                rows, weights = self._postings[term]
                total[rows] += count * weights
        return total

    def run(self, queries: Sequence[Query], *, limit: int) -> dict[str, dict[str, float]]:
        """Rank documents for every query; documents that share no term with it are left out."""
        return {query.id: top(self._ids, self.scores(query.text), limit, above=0.0) for query in queries}


class TruncatedBaseline:
    """One vector for the first tokens of a document, special tokens included; cosine.

    With ``max_tokens`` None it is a vector of the whole text, as the encoder makes one.
    """

    def __init__(
        self, documents: Sequence[Document], encoder: Encoder, *, max_tokens: int | None = TRUNCATED_TOKENS
    ) -> None:
        self._encoder = encoder
        self._ids = [document.id for document in documents]
        texts = [readable(one) for one in documents]
        if max_tokens is not None:
            texts = [beginning(text, encoder, max_tokens=max_tokens) for text in texts]
        self._vectors = encoder.encode(texts, kind="document")

    def run(self, queries: Sequence[Query], *, limit: int) -> dict[str, dict[str, float]]:
        """Rank documents for every query."""
        vectors = self._encoder.encode([query.text for query in queries], kind="query")
        return {
            query.id: top(self._ids, self._vectors @ vector, limit)
            for query, vector in zip(queries, vectors, strict=True)
        }


def readable(document: Document) -> str:
    """Return title and text, or the text alone where it begins with the title."""
    if not document.title or document.text.lstrip().startswith(document.title):
        return document.text
    return f"{document.title}\n{document.text}"


def beginning(text: str, encoder: Encoder, *, max_tokens: int = TRUNCATED_TOKENS) -> str:
    """Return as much of ``text`` as fits ``max_tokens``, or the model's own limit if lower."""
    room = min(max_tokens, encoder.max_tokens) - encoder.tokenizer.special_tokens
    (tokens,) = encoder.tokenizer.tokenize([text])
    if len(tokens) <= room:
        return text
    return Span(0, int(tokens.offsets[room - 1, 1])).of(text)


def top(
    ids: Sequence[str], scores: npt.NDArray[np.floating], limit: int, *, above: float = -math.inf
) -> dict[str, float]:
    """Return the best ``limit`` ids with their scores above ``above``, ties by id."""
    order = sorted(range(len(ids)), key=lambda row: (-scores[row], ids[row]))
    return {ids[row]: float(scores[row]) for row in order[:limit] if scores[row] > above}


def _postings(
    texts: list[list[str]],
) -> dict[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    # rank-bm25 cannot take documents without any term, and scores one query over all
    # documents in pure Python: its statistics are taken, and laid out by term.
    if not any(texts):
        return {}
    statistics = require("rank_bm25", extra="eval").BM25Okapi(texts, k1=K1, b=B)
    lengths = np.asarray(statistics.doc_len, dtype=np.float64)
    norms = K1 * (1 - B + B * lengths / statistics.avgdl)
    rows: dict[str, list[int]] = {}
    counts: dict[str, list[int]] = {}
    for row, frequencies in enumerate(statistics.doc_freqs):
        for term, count in frequencies.items():
            rows.setdefault(term, []).append(row)
            counts.setdefault(term, []).append(count)
    postings = {}
    for term, where in rows.items():
        index, found = np.asarray(where), np.asarray(counts[term], dtype=np.float64)
        weight = inverse_document_frequency(len(texts), len(where))
        postings[term] = (index, weight * found * (K1 + 1) / (found + norms[index]))
    return postings


def inverse_document_frequency(documents: int, holding: int) -> float:
    """Return Lucene's IDF, which is above 0 for every term."""
    return math.log1p((documents - holding + 0.5) / (holding + 0.5))
