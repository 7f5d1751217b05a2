"""What pages need before their text reads on: hyphenated words joined, running heads left out."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HYPHEN = "\x02"
"""What PDFium writes for a hyphen at a line's end, the parts of the word around it joined."""
_EDGE_LINES = 2
_FEWEST_PAGES = 3
_SHARE_OF_PAGES = 0.2
_LONGEST_HEAD = 200
_MOST_NUMBERS = 4
_QUOTED = 80
_NOTED = 10
_BROKEN = re.compile(r"(?<=[^\W\d_])[-\N{HYPHEN}\N{SOFT HYPHEN}]\n(?=[^\W\d_])")
_SPLIT_WORD = re.compile(rf"([\w-]+)([{HYPHEN}]|-\n)(\w+)")
_WORD = re.compile(r"\w+(?:-\w+)*")
_NUMBER = re.compile(r"\d{1,6}")


def joined_hyphens(pages: Sequence[str]) -> list[str]:
    """Join words that a line's end cuts; the rest of the line follows after the joined word.

    The hyphen goes, unless the document writes the word with one elsewhere and never
    without, or the second part begins with a capital.
    """
    marked = [
        _BROKEN.sub(HYPHEN, page) if "-\n" in page or "\N{HYPHEN}\n" in page else page for page in pages
    ]
    if not any(HYPHEN in page for page in marked):
        return marked
    words = Counter(word.lower() for page in marked for word in _WORD.findall(page))

    def join(match: re.Match[str]) -> str:
        first, second = match[1], match[3]
        whole, hyphenated = (first + second).lower(), f"{first}-{second}".lower()
        keeps = second[0].isupper() or (hyphenated in words and whole not in words)
        return f"{first}-{second}" if keeps else first + second

    return [_SPLIT_WORD.sub(join, page).replace(HYPHEN, "-") for page in marked]


@dataclass(frozen=True, slots=True)
class Repeated:
    """Lines that are page headers or footers.

    Attributes:
        lines: by page, the numbers of the lines to leave out; the first page of each keeps it.
        notes: what is left out, one sentence each.
    """

    lines: dict[int, set[int]]
    notes: tuple[str, ...]

    def without(self, pages: Sequence[str]) -> list[str]:
        """Return the pages without these lines."""
        kept = list(pages)
        for number, lines in self.lines.items():
            split = pages[number].split("\n")
            kept[number] = "\n".join(line for place, line in enumerate(split) if place not in lines)
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
