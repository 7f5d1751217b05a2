"""HTML to text: blocks, headings, lists, tables with a row to a line, preformatted text as it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from indexers.cells import cell_range
from indexers.parsing.builder import CELL_SEPARATOR, TextBuilder, one_line
from indexers.parsing.plain import decoded

if TYPE_CHECKING:
    from indexers.parsing.types import Parsed, ParseOptions, Source

_CHARSET = re.compile(
    rb"""<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.I
)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_BLOCKS = frozenset(
    """address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure
    footer form header hgroup html legend li main menu ol option p pre search section select summary table
    title tr ul""".split()
)
_PARAGRAPHS = frozenset("article aside blockquote dl figure main ol p pre section table ul".split())
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NO_TEXT = frozenset({"script", "style"})
_LEFT_OUT = {
    "nav": "navigation",
    "noscript": "replacements for scripts",
    "svg": "labels of drawings",
    "template": "templates",
}
_SPOIL_ROWS = frozenset({*_HEADINGS, "table", "pre"})


@dataclass(slots=True)
class _Table:
    """A table being written; it is ``clean`` as long as every row is one line."""

    start: int
    cell_start: int = 0
    rows: int = 0
    cells: int = 0
    columns: int = 0
    clean: bool = True


@dataclass(slots=True)
class _Skip:
    """An element that is passed over."""

    tag: str
    what: str
    depth: int = 1


class HtmlWriter(HTMLParser):
    """Writes the text of HTML into a builder; call `feed`, then `close`."""

    def __init__(self, builder: TextBuilder) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.first_heading = ""
        self._out = builder
        self._skip: _Skip | None = None
        self._left_out: dict[str, int] = {}
        self._in_title = False
        self._heading: tuple[int, int, list[str]] | None = None
        self._tables: list[_Table] = []
        self._lists: list[int] = []
        self._pre = 0
        self._space = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        if self._skip is not None:
            self._skip.depth += tag == self._skip.tag
            return
        given = dict(attrs)
        if tag == "title":
            self._in_title = not self.title
        elif tag == "body":
            self._in_title = False
        elif tag not in _VOID and (what := _left_out(tag, given)) is not None:
            self._skip = _Skip(tag, what)
        elif tag in _HEADINGS:
            self._open_heading(_HEADINGS[tag])
        else:
            self._open(tag, given)

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if self._skip is not None:
            self._skip.depth -= tag == self._skip.tag
            if self._skip.depth == 0:
                self._skip = None
        elif tag == "title":
            self._in_title = False
        elif tag in _HEADINGS:
            self._close_heading()
        elif tag == "table":
            self._close_table()
        elif tag == "pre":
            self._pre = max(0, self._pre - 1)
            self._break(tag)
        elif tag in ("ul", "ol"):
            self._lists = self._lists[:-1]
            self._break(tag if not self._lists else "li")
        elif tag in _BLOCKS:
            self._break(tag)

    def handle_data(self, data: str) -> None:
        """Write text."""
        if self._skip is not None:
            what = self._skip.what
            if what and not data.isspace():
                self._left_out[what] = self._left_out.get(what, 0) + len(data.strip())
        elif self._in_title:
            self.title += data
        elif self._pre and not self._in_row():
            self._out.write(data.replace("\r\n", "\n"))
        else:
            self._inline(data.replace(_SOFT_HYPHEN, ""))

    def close(self) -> None:
        """End the document."""
        super().close()
        self._close_heading()
        while self._tables:
            self._close_table()
        self._out.line_break()
        for what, characters in self._left_out.items():
            self._out.note(f"{what} left out: {characters:,} characters")

    def _open(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "br":
            self._break("li")
        elif tag == "img":
            self._inline(f" {given.get('alt') or ''} ")
        elif tag == "tr":
            self._open_row()
        elif tag in ("td", "th"):
            self._open_cell()
        elif tag in _BLOCKS:
            self._spoil_rows(tag)
            self._break("li" if self._lists and tag in ("ul", "ol") else tag)
            self._open_block(tag)

    def _open_block(self, tag: str) -> None:
        if tag == "table":
            self._tables.append(_Table(self._out.length))
        elif tag == "pre":
            self._pre += 1
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else 0)
        elif tag == "li" and not self._in_row():
            number = self._lists[-1] if self._lists else 0
            indent = "  " * max(0, len(self._lists) - 1)
            self._out.write(f"{indent}{number}. " if number else f"{indent}- ")
            if number:
                self._lists[-1] += 1

    def _inline(self, data: str) -> None:
        text = _SPACES.sub(" ", data)
        if text != " " and text:
            lead = (self._space or text[0] == " ") and not self._fresh()
            written = (" " if lead else "") + text.strip(" ")
            self._out.write(written)
            if self._heading is not None:
                self._heading[2].append(written)
        self._space = self._space or text == " " if text.strip(" ") == "" else text[-1] == " "

    def _break(self, tag: str) -> None:
        """End the line or the paragraph; inside a row of a table only a blank is due."""
        if self._in_row():
            self._space = True
            return
        self._space = False
        if self._heading is not None:
            self._heading[2].append(" ")
        if tag in _PARAGRAPHS:
            self._out.paragraph_break()
        else:
            self._out.line_break()

    def _open_heading(self, level: int) -> None:
        self._spoil_rows("h1")
        self._close_heading()
        self._break("p")
        self._heading = (self._out.length, level, [])

    def _close_heading(self) -> None:
        if self._heading is None:
            return
        start, level, pieces = self._heading
        self._heading = None
        title = one_line("".join(pieces))
        if title:
            self.first_heading = self.first_heading or title
            self._out.open_section(title, level, start=start)
        self._break("p")

    def _fresh(self) -> bool:
        """Whether nothing stands yet in this line or cell, so that no blank may."""
        return self._out.at_line_start or (self._in_row() and self._out.length == self._tables[-1].cell_start)

    def _in_row(self) -> bool:
        return bool(self._tables) and self._tables[-1].clean and self._tables[-1].cells > 0

    def _spoil_rows(self, tag: str) -> None:
        """A table with headings or tables in its cells is layout: its cells become blocks."""
        if tag in _SPOIL_ROWS and self._in_row():
            self._tables[-1].clean = False
            self._out.line_break()

    def _open_row(self) -> None:
        if self._tables:
            self._end_row(self._tables[-1])
        else:
            self._break("tr")

    def _open_cell(self) -> None:
        if not self._tables or not self._tables[-1].clean:
            self._break("tr")
            return
        table = self._tables[-1]
        if table.cells == 0:
            self._out.line_break()
            table.start = self._out.length if table.rows == 0 else table.start
        else:
            self._out.write(CELL_SEPARATOR)
        self._space = False
        table.cells += 1
        table.cell_start = self._out.length

    def _end_row(self, table: _Table) -> None:
        if table.cells:
            self._out.line_break()
            table.rows += 1
            table.columns = max(table.columns, table.cells)
        table.cells = 0
        self._space = False

    def _close_table(self) -> None:
        if not self._tables:
            return
        table = self._tables.pop()
        self._end_row(table)
        if table.clean and table.rows:
            self._out.mark("cells", table.start, cell_range(1, table.rows, table.columns))
        self._break("table")


def parse(source: Source, options: ParseOptions) -> Parsed:
    """Read a page of HTML."""
    builder = TextBuilder(options.limits.characters)
    writer = HtmlWriter(builder)
    text, notes = decode_html(source.data)
    for note in notes:
        builder.note(note)
    writer.feed(text)
    writer.close()
    return builder.parsed(title=writer.title or writer.first_heading)


def decode_html(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Decode by byte order mark, by the encoding the page states, or as any text.

    Raises:
        UnparsableError: binary content.
    """
    stated = _CHARSET.search(data[:2048])
    if stated and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(stated[1].decode("ascii")), ()
        except (LookupError, UnicodeDecodeError):
            pass
    return decoded(data)


def _left_out(tag: str, given: dict[str, str | None]) -> str | None:
    """Name what an element holds that is passed over, empty where it is no text; None for all others."""
    classes = (given.get("class") or "").split()
    if tag in _NO_TEXT or (tag == "a" and "headerlink" in classes):
        return ""
    if given.get("role") == "navigation":
        return _LEFT_OUT["nav"]
    return "line numbers" if "linenos" in classes else _LEFT_OUT.get(tag)
