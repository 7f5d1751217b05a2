"""Words of documents on a terminal, which would obey the control characters in them."""

from __future__ import annotations

import re

_OBEYED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")  # Cc, but for what moves on like a blank or a line


def harmless(text: str) -> str:
    r"""Write control characters as escapes such as ``\x1b``; newlines, tabs and other blanks stay.

    A carriage return stays only in front of a newline: alone it would write over the line.
    """
    return _OBEYED.sub(_escaped, re.sub(r"\r(?!\n)", r"\\x0d", text))


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
