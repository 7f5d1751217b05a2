"""What pages need before their text reads on: hyphenated words joined, running heads left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from indexers.parsing.pdf_columns import Box

HYPHEN = "\x02"
"""What PDFium writes for a hyphen at a line's end, the parts of the word around it joined."""
_EDGE_LINES = 2
_FEWEST_PAGES = 3
_SHARE_OF_PAGES = 0.2
_LONGEST_HEAD = 200
_MOST_NUMBERS = 4
_QUOTED = 80
_NOTED = 10
_BREAK = "\x03"
"""A hyphen at a line's end that PDFium left as it is, with the line break."""
_BROKEN = re.compile(r"(?<=[^\W\d_])[-\N{HYPHEN}\N{SOFT HYPHEN}]\n(?=[^\W\d_])|(?<=[\w-])-\n(?=\w)")
_SPLIT_WORD = re.compile(rf"([\w-]+)[{HYPHEN}{_BREAK}](\w+)")
_WORD = re.compile(r"\w+(?:-\w+)*")
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, and where it is printed: in several places when a word was joined over a line's end."""

    text: str
    boxes: tuple[Box, ...] = ()


def joined_hyphens(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """Join words that a line's end cuts; the rest of the line follows after the joined word.

    The hyphen goes, unless the document writes the word with one elsewhere and never
    without, or the second part begins with a capital.
    """
    texts = ["\n".join(line.text for line in page) for page in pages]
    marked = [
        _BROKEN.sub(_BREAK, text) if "-\n" in text or "\N{HYPHEN}\n" in text else text for text in texts
    ]
    if not any(HYPHEN in text or _BREAK in text for text in marked):
        return [list(page) for page in pages]
    words = Counter(word.lower() for text in marked for word in _WORD.findall(text))

    def join(match: re.Match[str]) -> str:
        first, second = match[1], match[2]
        whole, hyphenated = (first + second).lower(), f"{first}-{second}".lower()
        keeps = second[0].isupper() or (hyphenated in words and whole not in words)
        return f"{first}-{second}" if keeps else first + second

    joined = []
    for page, text in zip(pages, marked, strict=True):
        printed = iter(page)
        lines = []
        for line in text.split("\n"):
            taken = [next(printed) for _ in range(1 + line.count(_BREAK))]
            whole = _SPLIT_WORD.sub(join, line).replace(HYPHEN, "-").replace(_BREAK, "-")
            lines.append(Line(whole, tuple(chain.from_iterable(one.boxes for one in taken))))
        joined.append(lines)
    return joined


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lines that are page headers or footers.

    Attributes:
        lines: by page, the numbers of the lines to leave out; the first page of each keeps it.
        notes: what is left out, one sentence each.
    """

    lines: dict[int, set[int]]
    notes: tuple[str, ...]

    def without(self, pages: Sequence[list[Line]]) -> list[list[Line]]:
        """Return the pages without these lines."""
        kept = list(pages)
        for number, lines in self.lines.items():
            kept[number] = [line for place, line in enumerate(pages[number]) if place not in lines]
        return kept


def repeated_lines(pages: Sequence[Sequence[str]]) -> Repeated:
    """Find the lines at the edges of pages that come back page after page.

    Two lines are the same if they are equal, or differ in one number that counts the
    pages. A line must come back on three pages and on a fifth of all pages. No page
    loses everything it holds.
    """
    found = list(_edges(pages))
    counts = Counter(key for _, _, _, keys in found for key in keys)
    needed = max(_FEWEST_PAGES, _SHARE_OF_PAGES * len(pages))
    lines: dict[int, set[int]] = {}
    seen: Counter[str] = Counter()
    for page, place, _, keys in found:
        key = max(keys, key=lambda each: counts[each])
        if counts[key] < needed:
            continue
        seen[key] += 1
        if seen[key] > 1:
            lines.setdefault(page, set()).add(place)
    for page, places in list(lines.items()):
        if len(places) == sum(1 for line in pages[page] if line.strip()):
            del lines[page]  # a page of nothing else is its own content
    shown = [f"{_readable(key)!r} on {count} pages" for key, count in seen.most_common(_NOTED)]
    more = len(seen) - _NOTED
    shown = shown if lines else []
    notes = [f"repeated page headers and footers kept once: {'; '.join(shown)}"] if shown else []
    notes += [f"and {more} more repeated page headers and footers"] if more > 0 else []
    return Repeated(lines, tuple(notes))


def _edges(pages: Sequence[Sequence[str]]) -> Iterator[tuple[int, int, str, list[str]]]:
    """Yield page, line number, line and keys of the outermost lines of each page."""
    for page, lines in enumerate(pages):
        filled = [place for place, line in enumerate(lines) if line.strip()]
        top = filled[:_EDGE_LINES]
        bottom = [place for place in filled[-_EDGE_LINES:] if place not in top]
        for side, places in (("^", top), ("$", bottom)):
            for place in places:
                line = lines[place].strip()
                if len(line) <= _LONGEST_HEAD:
                    yield page, place, line, list(_keys(side, line, page))


def _keys(side: str, line: str, page: int) -> Iterator[str]:
    yield side + line
    for number in list(_NUMBER.finditer(line))[:_MOST_NUMBERS]:
        yield f"{side}{line[: number.start()]}\0{int(number[0]) - page}\0{line[number.end() :]}"


def _readable(key: str) -> str:
    return re.sub("\0-?\\d+\0", "#", key[1:])[:_QUOTED]
