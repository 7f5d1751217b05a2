"""One self-contained page from records: tables, charts and how everything was made.

The page asks nothing of the network: styles and pictures are inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eval.errors import DataError
from eval.markup import Markup, element, join
from eval.report_sections import SECTIONS, Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 0; }
main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.3rem; margin: 3rem 0 .5rem; padding-top: 1rem; border-top: 2px solid #1a1a1a; }
h2 { overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, ul { max-width: 44rem; margin: .5rem 0; }
.quiet { color: #595959; }
.wide { overflow-x: auto; margin: .75rem 0 1.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .94rem; }
caption { text-align: left; color: #595959; padding: 0 0 .4rem; }
th, td { padding: .35rem .8rem .35rem 0; text-align: right; white-space: nowrap; vertical-align: top; }
th[scope=row], thead th:first-child { text-align: left; font-weight: 600; }
thead th { border-bottom: 1.5px solid #1a1a1a; }
tbody tr + tr > * { border-top: 1px solid #e0e0e0; }
small { display: block; color: #595959; font-size: .8em; }
figure { margin: 1.25rem 0; }
.pair { display: flex; flex-wrap: wrap; gap: 1.25rem 2.5rem; }
.pair figure { flex: 0 1 auto; margin: 0; max-width: 100%; }
details { margin: 1rem 0; } summary { cursor: pointer; color: #595959; }
details table { font-size: .85rem; } details td { text-align: left; white-space: normal; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
a { color: #00527f; overflow-wrap: anywhere; }
@media print {
  main { max-width: none; padding: 0; } nav { display: none; }
  h2 { break-after: avoid; } figure, tr { break-inside: avoid; } body { font-size: 10.5pt; }
}
@media (max-width: 36rem) {
  h1 { font-size: 1.4rem; } body { font-size: 15px; } th, td { padding-right: .6rem; }
}
"""


def report_page(records: Sequence[Mapping[str, Any]], *, title: str = "Retrieval evaluation") -> str:
    """Draw records in the order given.

    Raises:
        DataError: a record is of a kind that has no section.
    """
    sections = [_section(record) for record in records]
    contents = [
        element("li", element("a", section.title, href=f"#s{number}"))
        for number, section in enumerate(sections)
    ]
    body = [
        element("h1", title),
        element("p", f"{len(records)} {'record' if len(records) == 1 else 'records'}", class_="quiet"),
        *([element("nav", element("ul", *contents))] if len(sections) > 1 else []),
    ]
    for number, (section, record) in enumerate(zip(sections, records, strict=True)):
        parts = [element("h2", section.title), *section.parts, _made(record)]
        body.append(element("section", *parts, id=f"s{number}"))
    head = [
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", title),
        element("style", Markup(_STYLE)),
    ]
    page = element("html", element("head", *head), element("body", element("main", *body)), lang="en")
    return f"<!doctype html>\n{page}\n"


def write_pictures(folder: Path, records: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write every chart of the page as an SVG file of its own and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, record in enumerate(records):
        for name, picture in _section(record).pictures.items():
            path = folder / f"{number:02}-{record['kind']}-{name}.svg"
            path.write_text(picture + "\n", encoding="utf-8")
            written.append(path)
    return written


def _section(record: Mapping[str, Any]) -> Section:
    kind = record["kind"]
    if kind not in SECTIONS:
        raise DataError(f"a record of the kind {kind!r} has no section; there are {', '.join(SECTIONS)}")
    return SECTIONS[kind](record)


def _made(record: Mapping[str, Any]) -> Markup:
    rows = [
        (f"{group}: {name}", _plain(value))
        for group in ("settings", "machine", "versions")
        for name, value in record.get(group, {}).items()
        if value is not None
    ]
    if not rows:
        return join([])
    cells = [element("tr", element("th", name, scope="row"), element("td", value)) for name, value in rows]
    when = record.get("created_at", "")
    return element("details", element("summary", f"How this was made ({when})"), element("table", *cells))


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
