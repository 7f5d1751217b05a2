"""How a citation is written, and how one is read in an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIELD: Final = "{n}"
_NUMBERS: Final = r"\d{1,6}(?:\s*[,;\u2013-]\s*\d{1,6})*"
_ALIKE: Final = {"[": "[\\[\uff3b\u3010\u3014]", "(": "[(\uff08]", "<": "[<\uff1c\u3008]", "{": "[{\uff5b]"}
_LONGEST_RANGE: Final = 50


@dataclass(frozen=True)
class CitationStyle:
    """A pattern such as ``[{n}]``.

    Raises:
        InvalidInputError: not exactly one ``{n}``, or nothing before it that text could
            be searched for.
    """

    pattern: str = "[{n}]"

    def __post_init__(self) -> None:
        if self.pattern.count(_FIELD) != 1 or not self.prefix or self.prefix[-1].isdigit():
            raise InvalidInputError(
                f"citation is {self.pattern!r}; it needs {_FIELD} once, with a sign or a word before it, "
                "such as '[{n}]'",
                citation=self.pattern,
            )
        if "\n" in self.pattern or "\\" in self.pattern:
            raise InvalidInputError(
                f"citation is {self.pattern!r}; it cannot hold a line break or a backslash",
                citation=self.pattern,
            )

    @property
    def prefix(self) -> str:
        """What stands before the number."""
        return self.pattern.partition(_FIELD)[0].strip()

    @property
    def suffix(self) -> str:
        """What stands after it."""
        return self.pattern.partition(_FIELD)[2].strip()

    def label(self, n: int) -> str:
        """Write a citation."""
        return self.pattern.replace(_FIELD, str(n))

    @cached_property
    def opening(self) -> re.Pattern[str]:
        """Finds what begins like a label, with look-alike brackets; group ``numbers`` holds its numbers."""
        prefix = "".join(_ALIKE.get(sign, re.escape(sign)) for sign in self.prefix)
        before = r"(?<!\w)" if self.prefix[0].isalnum() else ""
        return re.compile(
            rf"(?P<head>{before}{prefix}\s*)(?P<slashes>\\*)(?P<numbers>{_NUMBERS})", re.IGNORECASE
        )

    @cached_property
    def _marker(self) -> re.Pattern[str]:
        before = r"(?<!\w)" if self.prefix[0].isalnum() else ""
        after = rf"\s*{re.escape(self.suffix)}" if self.suffix else r"(?!\w)"
        return re.compile(
            rf"{before}{re.escape(self.prefix)}\s*(?P<numbers>{_NUMBERS}){after}", re.IGNORECASE
        )

    def find(self, answer: str) -> Iterator[tuple[list[int], int, int]]:
        """Yield the numbers of each citation in an answer, with its start and end; lists and ranges too."""
        for found in self._marker.finditer(answer):
            yield numbers_in(found["numbers"]), found.start(), found.end()


def numbers_in(source: str) -> list[int]:
    """Read ``1``, ``1, 3`` or ``2-4``; of a range over 50 numbers only its ends."""
    numbers: list[int] = []
    for part in re.split(r"[,;]", source):
        ends = [int(one) for one in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 <= ends[1] - ends[0] <= _LONGEST_RANGE:
            numbers += range(ends[0], ends[1] + 1)
        else:
            numbers += ends
    return list(dict.fromkeys(numbers))
