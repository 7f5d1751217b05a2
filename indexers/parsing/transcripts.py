"""Transcripts: WebVTT, SRT, and plain text in speakers' turns.

Every turn is a line ``Name: words`` with a ``speaker`` mark. Times are marks over the
same span: level 0 holds the second it starts, level 1 the second it ends, where known.

Source:
    WebVTT: The Web Video Text Tracks Format, W3C, section 4.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import unescape
from itertools import pairwise
from typing import TYPE_CHECKING

from indexers.parsing.builder import TextBuilder, one_line
from indexers.parsing.plain import decoded
from indexers.parsing.types import Parsed, UnparsableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from encoders.types import Mark
    from indexers.parsing.types import ParseOptions, Source

TRANSCRIPT = "text/x-transcript"
_TIME = r"(?:\d{1,4}:)?\d{1,2}:\d{2}(?:[.,]\d{1,3})?"
_CUE = re.compile(rf"^\s*({_TIME})\s*-->\s*({_TIME})")
_TAG = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,50}\}")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>\n]{1,100})>")
_NAME = r"[^\W\d_][\w.'\u2019()&/-]*(?: [\w.'\u2019()&/-]+){0,5}"
_TURN = re.compile(
    rf"^[ \t]*(?:[\[(]?(?P<before>{_TIME})[\])]?[ \t]*[-\u2013]?[ \t]*)?"
    rf"(?:\*\*)?(?P<name>{_NAME})(?:[ \t]*[\[(](?P<after>{_TIME})[\])])?(?:\*\*)?:(?:\*\*)?(?=[ \t]|$)",
    re.MULTILINE,
)
_NO_SPEAKERS = frozenset(
    """critical debug error fatal info note notice todo trace warn warning date from subject to cc http https
    example examples returns args raises see title author version url usage tip important""".split()
)
_FEWEST_TURNS = 4
_SHARE_OF_LINES = 0.3
_FORM_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cue:
    start: float
    end: float
    speaker: str
    text: str


def parse_cues(source: Source, options: ParseOptions) -> Parsed:
    """Read WebVTT or SRT."""
    text, notes = decoded(source.data)
    builder = TextBuilder(options.limits.characters)
    for note in notes:
        builder.note(note)
    speaker, turn = "", 0
    for cue in _cues(text.replace("\r\n", "\n").replace("\r", "\n")):
        if cue.speaker != speaker:
            _end_turn(builder, speaker, turn)
            speaker, turn = cue.speaker, builder.length
        start = builder.length
        builder.write(f"{cue.speaker}: " if cue.speaker and start == turn else "")
        builder.write(cue.text + "\n")
        builder.mark("time", start, cue.start)
        builder.mark("time", start, cue.end, 1)
    _end_turn(builder, speaker, turn)
    if builder.length == 0:
        raise UnparsableError("no cue with text")
    return builder.parsed(media_type=TRANSCRIPT)


def parse_turns(source: Source, options: ParseOptions) -> Parsed:
    """Read text in speakers' turns as it stands, and mark the turns."""
    text, notes = decoded(source.data)
    if len(text) > options.limits.characters:
        raise UnparsableError(f"{len(text):,} characters are more than {options.limits.characters:,}")
    return Parsed(text=text, marks=turn_marks(text), notes=notes)


def turn_marks(text: str) -> tuple[Mark, ...]:
    """Return the speaker of each turn ``Name: words``, and its time where one is written at its name."""
    builder = TextBuilder(len(text) + 1)
    turns = list(_TURN.finditer(text))
    ends = [*(turn.start() for turn in turns[1:]), len(text)]
    for turn, end in zip(turns, ends, strict=True):
        builder.mark_span("speaker", turn.start(), end, one_line(turn["name"]))
        if stamp := turn["before"] or turn["after"]:
            builder.mark_span("time", turn.start(), end, seconds(stamp))
    return builder.parsed().marks


def looks_like_turns(text: str) -> bool:
    """Tell whether a text is a conversation: a few names that come back, at many lines' starts."""
    order = [match["name"].lower() for match in _TURN.finditer(text)]
    names = Counter(order)
    speakers = {name: count for name, count in names.items() if name.split()[0] not in _NO_SPEAKERS}
    turns = sum(speakers.values())
    lines = sum(1 for line in text.splitlines() if line.strip())
    if turns < _FEWEST_TURNS or turns < _SHARE_OF_LINES * lines:
        return False
    back = sum(count for count in speakers.values() if count > 1)
    few = len(speakers) > 1 and 2 * len(speakers) <= turns and back > turns / 2
    return few and not _is_form(order)


def _is_form(order: list[str]) -> bool:
    """Tell whether three names and more follow one another like the fields of a form: always in one order."""
    followers: dict[str, Counter[str]] = {}
    for name, following in pairwise(order):
        followers.setdefault(name, Counter())[following] += 1
    usual = sum(max(each.values()) for each in followers.values())
    return len(followers) > 2 and usual >= _FORM_SHARE * (len(order) - 1)


def seconds(stamp: str) -> float:
    """Return the seconds of ``1:02:03.4``, ``02:03`` or, as SRT writes it, ``00:02:03,400``."""
    total = 0.0
    for part in stamp.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return round(total, 3)


def _cues(text: str) -> Iterator[_Cue]:
    """Yield the cues that hold text; what stands between cues (headers, styles, numbers) is none."""
    for block in re.split(r"\n[ \t]*\n", text):
        lines = block.split("\n")
        timing = next((number for number, line in enumerate(lines[:3]) if _CUE.match(line)), None)
        if timing is None:
            continue
        match = _CUE.match(lines[timing])
        if match is None:
            continue
        yield from _voices("\n".join(lines[timing + 1 :]), seconds(match[1]), seconds(match[2]))


def _voices(body: str, start: float, end: float) -> Iterator[_Cue]:
    """Split a cue where its voice changes; a voice is a tag, or a name with a colon."""
    pieces = _VOICE.split(body)
    for number in range(0, len(pieces), 2):
        speaker = one_line(pieces[number - 1]) if number else ""
        text = one_line(unescape(_TAG.sub("", pieces[number])))
        match = None if speaker else _TURN.match(text)
        if match is not None and match["name"].lower() not in _NO_SPEAKERS:
            speaker, text = one_line(match["name"]), text[match.end() :].strip()
        if text:
            yield _Cue(start=start, end=end, speaker=speaker, text=text)


def _end_turn(builder: TextBuilder, speaker: str, start: int) -> None:
    if speaker and builder.length > start:
        builder.mark("speaker", start, speaker)
