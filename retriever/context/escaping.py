r"""Keeps a document's text from posing as the prompt around it.

A text may hold what looks like a label, a closing tag, or the marker of a chat role. A
backslash is put into each of these, where a reader sees it: ``[1]`` becomes ``[\1]``,
``</source>`` becomes ``<\/source>``. Backslashes that are there already get one more, so
that no two texts look the same. Signs that are not seen at all, such as those that turn the
direction of writing, are written as ``\u202e``. Offsets are those of the original text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from retriever.context.styles import numbers_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retriever.context.styles import CitationStyle

_LONGEST_LINE: Final = 200
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_ROLE_TOKEN: Final = re.compile(
    r"(?P<head><)(?P<slashes>\\*)(?P<tail>[|\uff5c]|</?SYS>>|/?(?:start_of_turn|end_of_turn|bos|eos|s)>)"
    r"|(?P<head2>\[)(?P<slashes2>\\*)(?P<tail2>/?INST\])",
    re.IGNORECASE,
)
_ROLE_LINE: Final = re.compile(
    r"^(?P<head>[ \t]*(?:Human|Assistant|System|User))(?P<slashes>\\*)(?P<tail>:)", re.M
)


class Guard:
    """Escapes text for one context.

    Args:
        style: how labels are written; None when they stand outside the text, as in blocks.
        numbers: how many sources there are: only their numbers can be forged.
        tags: names of tags that the format writes.
        literals: what a template writes right before or after a text.
    """

    def __init__(
        self,
        style: CitationStyle | None,
        *,
        numbers: int,
        tags: Iterable[str] = (),
        literals: Iterable[str] = (),
    ) -> None:
        self._style = style
        self._numbers = numbers
        names = "|".join(map(re.escape, tags))
        patterns = [rf"(?P<head><)(?P<slashes>\\*)(?P<tail>\s*/?\s*(?:{names})\b)"] if names else []
        patterns += [
            rf"(?P<head>{re.escape(one[0])})(?P<slashes>\\*)(?P<tail>{re.escape(one[1:])})"
            for one in dict.fromkeys(literals)
            if len(one) > 1
        ]
        self._lines: dict[str, str] = {}
        self._patterns = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]

    def text(self, text: str) -> str:
        """Escape a text of several lines."""
        if self._style is not None:
            text = self._style.opening.sub(self._label, text)
        for pattern in self._patterns:
            text = pattern.sub(r"\g<head>\\\g<slashes>\g<tail>", text)
        text = _ROLE_TOKEN.sub(_role, text)
        text = _ROLE_LINE.sub(r"\g<head>\\\g<slashes>\g<tail>", text)
        return _UNSEEN.sub(_written_out, text)

    def line(self, text: str) -> str:
        """Make one short line of a title, a heading or a name, and escape it."""
        if text not in self._lines:
            flat = " ".join(text.split())
            short = flat if len(flat) <= _LONGEST_LINE else flat[: _LONGEST_LINE - 1] + "\u2026"
            self._lines[text] = self.text(short)
        return self._lines[text]

    def _label(self, found: re.Match[str]) -> str:
        numbers = numbers_in(found["numbers"])
        if min(numbers) > self._numbers or max(numbers) < 1:
            return found[0]
        return f"{found['head']}\\{found['slashes']}{found['numbers']}"


def _role(found: re.Match[str]) -> str:
    if found["head"] is not None:
        return f"{found['head']}\\{found['slashes']}{found['tail']}"
    return f"{found['head2']}\\{found['slashes2']}{found['tail2']}"


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
