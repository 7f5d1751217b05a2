"""Where sentences and lines end, by their signs alone."""

from __future__ import annotations

import re
from typing import Final

# A Latin sentence goes on with a letter that is not lower case, a digit, a quote or a bracket;
# full-width stops, the danda and the Arabic question mark end one wherever they stand.
_LATIN_END: Final = re.compile(
    r"""[.!?\u2026]["'\u201d\u2019\u00bb)\]]*\s+(?=[^\W_a-z]|["\u201c\u2018\u00ab(\[])"""
)
_OTHER_END: Final = re.compile(r"""[\u3002\uff01\uff1f\u0964\u061f][\u201d\u2019\u300d\u300f\uff09]*""")
SENTENCE_END: Final = re.compile(f"{_LATIN_END.pattern}|{_OTHER_END.pattern}")
_LINE_BREAK: Final = re.compile(r"\r\n?|\n")


def prose_borders(text: str) -> list[int]:
    """Return where lines and sentences begin, and the end: the positions of `encoders.boundaries.prose_cuts`.

    Without their strengths, and cheap for a short text.
    """
    inner = [match.end() for match in _LINE_BREAK.finditer(text)]
    inner += [match.end() for match in _LATIN_END.finditer(text)]
    if not text.isascii():
        inner += [match.end() for match in _OTHER_END.finditer(text)]
    return sorted({0, *inner, len(text)})
