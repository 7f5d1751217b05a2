"""Addresses of table cells, as spreadsheets write them.

A ``cells`` mark covers a run of table rows, one row to a line, and its value is the
range of the run, such as ``A1:F100``. The rows of a span inside it follow from lines.
"""

from __future__ import annotations

import re

_RANGE = re.compile(r"([A-Z]+)(\d+):([A-Z]+)(\d+)")


def column_name(number: int) -> str:
    """Return ``A`` for 1, ``Z`` for 26, ``AA`` for 27.

    Raises:
        ValueError: ``number`` is under 1.
    """
    if number < 1:
        raise ValueError(f"columns count from 1, got {number}")
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cell_range(first_row: int, last_row: int, columns: int) -> str:
    """Return the range of whole rows, from column A."""
    return f"A{first_row}:{column_name(columns)}{last_row}"


def rows_within(value: str, first_line: int, last_line: int) -> str:
    """Return the range of some lines of a ``cells`` mark.

    Args:
        value: of the mark.
        first_line: counted from 0 at the mark's start.
        last_line: the same, included; lines behind the mark's last row are left out.
    """
    match = _RANGE.fullmatch(value)
    if match is None:
        return value
    left, top, right, bottom = match[1], int(match[2]), match[3], int(match[4])
    return f"{left}{min(top + first_line, bottom)}:{right}{min(top + last_line, bottom)}"


def joined_range(ranges: list[str]) -> str | None:
    """Return the smallest range that holds all of ``ranges``, which follow one another; None for none."""
    matches = [match for one in ranges if (match := _RANGE.fullmatch(one)) is not None]
    if not matches:
        return ranges[0] if ranges else None
    right = max((match[3] for match in matches), key=lambda name: (len(name), name))
    return f"{matches[0][1]}{matches[0][2]}:{right}{matches[-1][4]}"
