"""Writes evaluation queries from documents themselves, and says of each how it was made.

- ``title``: the document's title.
- ``heading``: a Markdown heading outside of code; the answer is its section.
- ``docstring``: the first sentence of a Python docstring; the answer is its function or class.
- ``sentence``: a sentence from somewhere in the text, in source code from its comments,
  without its stop words.
- ``llm``: a question that a language model wrote for a passage.

All but the last use words of the text itself, so the figures they give are higher than
those of real questions. They are good for comparing two settings on one's own data,
and for noticing that something broke; they do not say how well real users are served.
"""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

from encoders.types import Span
from eval.errors import EvaluationError, TargetError
from eval.types import Dataset, GoldSpan, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from encoders.types import Document
    from eval.llm import Writer

Maker: TypeAlias = Literal["title", "heading", "docstring", "sentence", "llm"]

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_FENCED = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"text/(?:x-(?!rst)|javascript|css|csv)")
_COMMENT = re.compile(r"^[ \t]*(?:#+|//+|/\*+|\*+/?|--+)[ \t]+(?P<words>\S.*)$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n\s*\n")
_WORD = re.compile(r"[^\W_]+")
_LETTERS = 0.8  # of the words of a sentence; the rest is numbers and names with numbers
_PASSAGE_CHARACTERS = 1500
_PROMPT = """\
Below is a passage of a longer document. Write one question that a reader who has not \
seen the passage could ask, that the passage answers, and that does not repeat its \
phrases. Answer with the question alone, in the passage's language.

{passage}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQuery:
    """A query, the document it was made from, and where the answer stands if that is known."""

    text: str
    doc_id: str
    made: Maker
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnQueries:
    """Queries with what could not be made and why."""

    queries: tuple[OwnQuery, ...]
    problems: tuple[str, ...] = ()


def make_queries(
    documents: Sequence[Document], makers: Iterable[Maker], *, per_maker: int, writer: Writer | None = None
) -> OwnQueries:
    """Write at most ``per_maker`` queries of every kind, at most one of a kind per document.

    Documents are taken in the order of a hash of their id, so that the same collection
    gives the same queries.
    """
    problems: list[str] = []
    found: list[OwnQuery] = []
    order = sorted(documents, key=lambda document: sha256(document.id.encode()).digest())
    for maker in makers:
        if maker == "llm" and writer is None:
            raise EvaluationError("queries of the kind llm need --llm URL and --model NAME")
        made: list[OwnQuery] = []
        for document in order:
            if len(made) == per_maker:
                break
            try:
                made += _one(document, maker, writer)
            except TargetError as error:
                problems.append(f"{document.id}: {error}")
                if len(problems) > per_maker:
                    break
        found += made
    return OwnQueries(queries=tuple(found), problems=tuple(problems))


def checked_makers(names: Sequence[str]) -> tuple[Maker, ...]:
    """Return the makers of those names, or all that need no language model when there is none.

    Raises:
        EvaluationError: a name is unknown.
    """
    known: tuple[Maker, ...] = (*MAKERS, "llm")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise EvaluationError(f"no queries of the kind {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(maker for maker in known if maker in (names or MAKERS))


def own_dataset(name: str, documents: Sequence[Document], queries: Sequence[OwnQuery]) -> Dataset:
    """Make a data set of queries; a text that several documents gave is one query with all of them.

    Raises:
        EvaluationError: there is no query.
    """
    if not queries:
        raise EvaluationError(f"no query could be made from the {len(documents)} documents of {name}")
    grouped: dict[tuple[Maker, str], list[OwnQuery]] = {}
    for query in queries:
        grouped.setdefault((query.made, query.text), []).append(query)
    asked, qrels, spans = [], {}, {}
    for number, ((made, text), group) in enumerate(grouped.items()):
        query_id = f"{made}-{number:04}"
        asked.append(Query(id=query_id, text=text, origin=made, local_id=query_id))
        qrels[query_id] = {query.doc_id: 1 for query in group}
        gold = tuple(GoldSpan(doc_id=one.doc_id, span=one.span) for one in group if one.span)
        if gold:
            spans[query_id] = gold
    return Dataset(
        name=name,
        origins=tuple(dict.fromkeys(query.origin for query in asked)),
        documents=tuple(documents),
        queries=tuple(asked),
        qrels=qrels,
        spans=spans,
    )


def _one(document: Document, maker: Maker, writer: Writer | None) -> list[OwnQuery]:
    if maker == "llm":
        return [] if writer is None else _asked(document, writer)
    candidates = list(_MAKERS[maker](document))
    if not candidates:
        return []
    text, span = candidates[_pick(document.id, maker, len(candidates))]
    return [OwnQuery(text=text, doc_id=document.id, made=maker, span=span)]


def _titles(document: Document) -> Iterator[tuple[str, Span | None]]:
    title = document.title.strip()
    is_path = title == document.id or "/" in title or re.search(r"\.\w{1,5}$", title)
    if title and not is_path and len(_WORD.findall(title)) > 1:
        yield title, None


def _headings(document: Document) -> Iterator[tuple[str, Span | None]]:
    if _CODE.match(document.media_type):
        return
    fenced = [match.span() for match in _FENCED.finditer(document.text)]
    found = [
        match
        for match in _HEADING.finditer(document.text)
        if not any(start <= match.start() < end for start, end in fenced)
    ]
    for place, match in enumerate(found):
        level = len(match[1])
        ends = (later.start() for later in found[place + 1 :] if len(later[1]) <= level)
        end = next(ends, len(document.text))
        if len(_WORD.findall(match[2])) > 1 and end - match.end() > 80:
            yield match[2], Span(match.start(), end)


def _docstrings(document: Document) -> Iterator[tuple[str, Span | None]]:
    if document.media_type != "text/x-python":
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in somebody else's code
            tree = ast.parse(document.text)
    except (SyntaxError, ValueError, RecursionError):
        return
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", document.text)), len(document.text)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.end_lineno:
            summary = _first_sentence(ast.get_docstring(node) or "")
            if len(_WORD.findall(summary)) > 3 and node.end_lineno < len(starts):
                yield summary, Span(starts[node.lineno - 1], starts[node.end_lineno])


def _sentences(document: Document) -> Iterator[tuple[str, Span | None]]:
    from indexers.lexical import STOP_WORDS

    for text, span in _comments(document) if _CODE.match(document.media_type) else _prose(document):
        words = _WORD.findall(text)
        telling = [word for word in words if word.lower() not in STOP_WORDS]
        letters = sum(word.isalpha() for word in words)
        if 8 <= len(words) <= 40 and len(telling) > 4 and letters >= _LETTERS * len(words):
            yield " ".join(telling), span


def _prose(document: Document) -> Iterator[tuple[str, Span]]:
    start = 0
    for end in (*(match.start() for match in _SENTENCE.finditer(document.text)), len(document.text)):
        yield document.text[start:end], Span(start, end)
        start = end


def _comments(document: Document) -> Iterator[tuple[str, Span]]:
    """Yield the sentences of comments, each with the place of its whole comment."""
    runs: list[list[re.Match[str]]] = []
    for line in _COMMENT.finditer(document.text):
        if not runs or line.start() > runs[-1][-1].end() + 1:
            runs.append([])
        runs[-1].append(line)
    for run in runs:
        for sentence in _SENTENCE.split(" ".join(line["words"] for line in run)):
            yield sentence, Span(run[0].start("words"), run[-1].end())


def _asked(document: Document, writer: Writer) -> list[OwnQuery]:
    if not document.text.strip():
        return []
    last = max(len(document.text) - _PASSAGE_CHARACTERS, 0)
    start = _pick(document.id, "llm", last + 1)
    span = Span(start, min(start + _PASSAGE_CHARACTERS, len(document.text)))
    question = writer.write(_PROMPT.format(passage=span.of(document.text))).splitlines()[0].strip(" \"'")
    if not 3 <= len(question.split()) <= 60:
        raise TargetError(f"what the model wrote is no question of 3 to 60 words: {question[:80]!r}")
    return [OwnQuery(text=question, doc_id=document.id, made="llm", span=span)]


def _first_sentence(docstring: str) -> str:
    paragraph = textwrap.dedent(docstring).strip().split("\n\n")[0]
    return " ".join(re.split(r"(?<=[.!?])\s", paragraph)[0].split())


def _pick(doc_id: str, maker: str, count: int) -> int:
    return int.from_bytes(sha256(f"{maker}\0{doc_id}".encode()).digest()[:8]) % count


_MAKERS: dict[str, Callable[[Document], Iterator[tuple[str, Span | None]]]] = {
    "title": _titles,
    "heading": _headings,
    "docstring": _docstrings,
    "sentence": _sentences,
}

MAKERS: tuple[Maker, ...] = ("title", "heading", "docstring", "sentence")
"""Kinds that need no language model."""
