"""Reads the ranking that a model wrote, and only where it wrote one.

The text must be a ranking, or hold one on lines of its own: a chain such as
``[3] > [1] > [2]``, one identifier a line, or JSON. Numbers in prose, in an error
message, in thinking that never ends or in a page of HTML are not a ranking.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from retriever.rerank.json_rankings import json_ranking

Form: TypeAlias = Literal["chain", "lines", "json", "none"]

_MOST_CHARACTERS: Final = 200_000
_WORD: Final = r"(?:passage|document|doc)?\s*"
_IDENTIFIER: Final = re.compile(
    rf"[\[\u3010\u3014(]\s*{_WORD}(?P<bracketed>\d{{1,4}})\s*[\]\u3011\u3015)]"
    rf"|{_WORD}\[(?P<inner>\d{{1,4}})\]|{_WORD}(?P<bare>\d{{1,4}})(?!\d)",
    re.IGNORECASE,
)
_SEPARATOR: Final = re.compile(r"\s*(?:->|>=|=>|[>,;=\u2192\u227b\u2265\u3001])\s*")
_GAP: Final = re.compile(r"[ \t]+")
_UNFINISHED: Final = re.compile(r"\s*(?:[\[\u3010(]?\s*\d{0,4}\s*|\.{3}|\u2026)$")
_ENDED: Final = re.compile(r"[\s.\u3002]?$")
_LABEL: Final = re.compile(
    r"(?:the\s+|my\s+)?(?:final\s+)?(?:ranking|ranked list|rank|order|answer|result|output|permutation"
    r"|rangliste|reihenfolge|antwort|classement|r\u00e9ponse|clasificaci\u00f3n|respuesta"
    r"|\u6700\u7ec8\u6392\u540d|\u6392\u540d|\u6392\u5e8f|\u7ed3\u679c|\u7b54\u6848|\u9806\u4f4d)s?"
    r"(?:\s+is)?\s*:\s*",
    re.IGNORECASE,
)
_LIST_LINE: Final = re.compile(
    rf"(?:(?P<number>\d{{1,4}})[.):]|[-*\u2022])?\s*\[{_WORD}(?P<id>\d{{1,4}})\][.,]?", re.IGNORECASE
)
_THOUGHT: Final = re.compile(r"<(think|thinking|reasoning|analysis)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END: Final = re.compile(r"</(?:think|thinking|reasoning|analysis)>", re.IGNORECASE)
_THOUGHT_START: Final = re.compile(r"<(?:think|thinking|reasoning|analysis)>", re.IGNORECASE)
_ANSWER: Final = re.compile(r"<answer>((?:(?!</?answer>).)*)</answer>", re.DOTALL | re.IGNORECASE)
_FENCE: Final = re.compile(r"^\s*(?:```|~~~)[\w-]*\s*$", re.MULTILINE)
_FIGURE: Final = re.compile(r"\d{1,3}(?:,\d{3})+")
_OPEN_ENDS: Final = ">,;=\u2192"
_DECORATION: Final = "*_`\"' \t"
_WIDE: Final = str.maketrans("\uff1e\uff3b\uff3d\uff0c\uff1b\uff1a\uff1d\uff08\uff09", ">[],;:=()")
_INVISIBLE: Final = re.compile("[\u200b-\u200f\u2060\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What stands in a model's text.

    Attributes:
        ids: the numbers as written, in order; empty when the text holds no ranking.
        cut_short: the ranking ends in the middle.
        lists: rankings in the text; ``ids`` are of the last.
        reason: why there is none; empty when there is one.
    """

    ids: tuple[int, ...] = ()
    form: Form = "none"
    cut_short: bool = False
    lists: int = 0
    reason: str = ""


def read_ranking(text: str, *, cut: bool = False) -> Reading:
    """Find the ranking in ``text``; the last one when there are several.

    Args:
        text: what the model wrote.
        cut: the model was stopped by a limit, so that the last number may lack digits.
    """
    if len(text) > _MOST_CHARACTERS:
        return Reading(reason=f"the answer has {len(text):,} characters, more than any ranking")
    spoken = _without_thoughts(text)
    if spoken is None:
        return Reading(reason="the answer ends inside the model's thinking")
    answer = _clean(spoken)
    if not answer:
        return Reading(reason="the answer is empty")
    found = json_ranking(answer)
    if found is not None:
        # A list that is closed is whole, whatever the limit says.
        return Reading(ids=found.ids, form="json", cut_short=found.cut_short, lists=1)
    return _read_lines(answer, cut=cut)


def _without_thoughts(text: str) -> str | None:
    """Return what follows the thinking; None when the thinking does not end."""
    rest = _THOUGHT.sub("\n", text)
    ends = [match.end() for match in _THOUGHT_END.finditer(rest)]
    if ends:  # some servers keep the opening tag in the prompt
        rest = rest[ends[-1] :]
    return None if _THOUGHT_START.search(rest) else rest


def _clean(text: str) -> str:
    answers = _ANSWER.findall(text)
    chosen = answers[-1] if answers else text
    plain = _INVISIBLE.sub("", chosen).replace("&gt;", ">").translate(_WIDE)
    return _FENCE.sub("", unicodedata.normalize("NFC", plain)).strip()


def _read_lines(text: str, *, cut: bool) -> Reading:
    lines = [line.strip() for line in text.splitlines()]
    joined = [line for line in _joined(lines) if line]
    plain = (_LABEL.sub("", line.strip(_DECORATION), count=1).strip(_DECORATION) for line in joined)
    chains = [
        chain
        for line in plain
        if (chain := _read_chain(line, cut=cut)) and (len(joined) == 1 or not chain.weak)
    ]
    if not chains:
        return _read_list(lines)
    return Reading(
        ids=chains[-1].ids,
        form="chain",
        cut_short=chains[-1].cut_short,
        lists=len({chain.ids for chain in chains}),
    )


def _joined(lines: list[str]) -> list[str]:
    """Put a chain that was broken at its separators back on one line."""
    joined: list[str] = []
    for line in lines:
        if joined and line and joined[-1] and (joined[-1][-1] in ">," or line[0] in ">,"):
            joined[-1] += " " + line
        else:
            joined.append(line)
    return joined


@dataclass(frozen=True, slots=True)
class _Chain:
    """Identifiers in one line; ``weak`` ones could be figures and count only where nothing else stands."""

    ids: tuple[int, ...]
    cut_short: bool
    weak: bool


def _read_chain(line: str, *, cut: bool) -> _Chain | None:
    """Read ``[3] > [1] > [2]`` from the first character of ``line`` to its last."""
    if _FIGURE.fullmatch(line):
        return None
    ids: list[int] = []
    position = 0
    bare = arrows = False
    while match := _IDENTIFIER.match(line, position):
        ids.append(int(match.group("bracketed") or match.group("inner") or match.group("bare")))
        bare = match.group("bare") is not None
        position = match.end()
        separator = _SEPARATOR.match(line, position) or (None if bare else _GAP.match(line, position))
        if not separator:
            break
        arrows = arrows or ">" in separator.group()
        position = separator.end()
    return _finish(ids, line, position, bare=bare, arrows=arrows, cut=cut)


def _finish(ids: list[int], line: str, end: int, *, bare: bool, arrows: bool, cut: bool) -> _Chain | None:
    """Judge what follows the last identifier: nothing, the start of another one, or something else."""
    rest = line[end:]
    ended = bool(_ENDED.match(rest))
    if not ids or not (ended or _UNFINISHED.match(rest)):
        return None
    dangling = not ended or line[:end].rstrip()[-1] in _OPEN_ENDS
    if cut and bare and not dangling:  # "12" may have become "123"
        ids, dangling = ids[:-1], True
    if not ids or (len(ids) == 1 and (bare or dangling)):
        return None
    return _Chain(tuple(ids), dangling or cut, weak=len(ids) == 1 or (bare and not arrows))


def _read_list(lines: list[str]) -> Reading:
    """Read one bracketed identifier a line, numbered from 1 or not at all; nothing else may stand there."""
    ids: list[int] = []
    matches = [_LIST_LINE.fullmatch(line.strip(_DECORATION)) for line in lines if line]
    if matches and not matches[0] and _LABEL.fullmatch(next(filter(None, lines)).strip(_DECORATION) + " "):
        matches = matches[1:]
    for place, match in enumerate(matches, start=1):
        if not match or (match["number"] and int(match["number"]) != place):
            return Reading(reason="the answer holds no ranking on lines of its own")
        ids.append(int(match["id"]))
    if not ids:
        return Reading(reason="the answer holds no ranking on lines of its own")
    return Reading(ids=tuple(ids), form="lines", lists=1)
