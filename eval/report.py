"""One self-contained page from records: tables, charts and how everything was made.

The page asks nothing of the network: styles and pictures are inside it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from eval.errors import DataError
from eval.markup import Markup, element, join
from eval.report_sections import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from eval.report_parts import Section

_STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --quiet: #595959; --rule: #e0e0e0; --paper: #fff; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0; }
main { max-width: 66rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3.5rem 0 .5rem; padding-top: 1rem; }
h2 { border-top: 2px solid var(--ink); overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p, ul { max-width: 44rem; margin: .5rem 0; } ul { padding-left: 1.2rem; } li { margin: .25rem 0; }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; margin: .75rem 0 1.5rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .94rem; line-height: 1.35; }
th, td { padding: .4rem 0 .4rem 1.5rem; text-align: right; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; } td { position: relative; }
tr > :first-child { position: sticky; left: 0; z-index: 1; background: var(--paper); }
tr > :first-child { padding-left: 0; text-align: left; }
thead th { border-bottom: 1.5px solid var(--ink); vertical-align: bottom; }
tbody th { font-weight: 400; }
th[scope=rowgroup] { font-weight: 600; padding-top: 1.1rem; }
tbody tr:not(:first-child) > * { border-top: 1px solid var(--rule); }
small { display: block; color: var(--quiet); font-size: .8em; }
.star { position: absolute; font-weight: 400; padding-left: .12em; }
.facts thead { display: none; } .facts td { text-align: left; white-space: normal; }
.verdicts tr > :last-child { text-align: left; }
figure { margin: 1.25rem 0; overflow-x: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 1.75rem 2.5rem; margin: 1.25rem 0; }
.pair figure { flex: 0 1 auto; margin: 0; max-width: 100%; }
details { margin: 1rem 0; } summary { cursor: pointer; color: var(--quiet); }
details table { font-size: .85rem; }
details td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
nav ul { list-style: none; padding: 0; max-width: none; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; }
a { color: #00527f; overflow-wrap: anywhere; }
@page { margin: 16mm 14mm; }
@media print {
  body { font-size: 10pt; } main { max-width: none; padding: 0; } nav { display: none; }
  h2, h3, .quiet { break-after: avoid; } figure, tr, tbody { break-inside: avoid; }
  .wide { overflow: visible; } tr > :first-child { position: static; }
  h2 { margin-top: 2rem; } .pair figure { max-width: 47%; }
}
@media (max-width: 36rem) {
  h1 { font-size: 1.5rem; } body { font-size: 15px; } main { padding-top: 1.25rem; }
  th, td { padding-left: 1rem; }
  tr > :first-child { min-width: 7rem; max-width: 9.5rem; white-space: normal; }
}
"""


def report_page(records: Sequence[Mapping[str, Any]], *, title: str = "Retrieval evaluation") -> str:
    """Draw records in the order given.

    Raises:
        DataError: a record is of a kind that has no section.
    """
    sections = [_section(record) for record in records]
    titles = _told_apart([section.title for section in sections], records)
    contents = [element("li", element("a", name, href=f"#s{number}")) for number, name in enumerate(titles)]
    body = [
        element("h1", title),
        element("p", _dated(records), class_="quiet"),
        *([element("nav", element("ul", *contents))] if len(sections) > 1 else []),
    ]
    for number, (name, section, record) in enumerate(zip(titles, sections, records, strict=True)):
        parts = [element("h2", name), *section.parts, _made(record)]
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


def _told_apart(titles: Sequence[str], records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Add to a title that several records have the settings in which they differ, or when they were made."""
    names = []
    for title, record in zip(titles, records, strict=True):
        alike = [other for name, other in zip(titles, records, strict=True) if name == title]
        own = record.get("settings", {})
        different = [
            f"{key} {_plain(value)}"
            for key, value in own.items()
            if any(other.get("settings", {}).get(key) != value for other in alike)
        ]
        if len(alike) > 1 and not different and "created_at" in record:
            different = [_time(record["created_at"])]
        names.append(f"{title}: {', '.join(different)}" if different else title)
    return names


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
    when = f": {_time(record['created_at'])}" if "created_at" in record else ""
    return element("details", element("summary", f"How this was made{when}"), element("table", *cells))


def _dated(records: Sequence[Mapping[str, Any]]) -> str:
    times = sorted(record["created_at"] for record in records if "created_at" in record)
    count = f"{len(records)} {'record' if len(records) == 1 else 'records'}"
    if not times:
        return count
    return (
        f"{count}, made {_time(times[-1])}"
        if len(times) == 1
        else f"{count}, the last made {_time(times[-1])}"
    )


def _time(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if one is not None)
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
