from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from eval.charts import Bar, bars, colour_of, forest, heat_map, lines
from eval.comparing import compare, comparison_record
from eval.errors import DataError
from eval.markup import Markup, element, grouped_table, join, table
from eval.record import SystemRecord, read_record, write_record
from eval.report import report_page, write_pictures

NEEDLES = {
    "format": 1,
    "kind": "needle",
    "settings": {"kind": "plain", "per_cell": 2, "distractors": 0},
    "dataset": {"documents": 8},
    "systems": [{"name": "longdoc", "figures": {"all": {"acc@1": {"mean": 0.75, "low": 0.5, "high": 1.0}}}}],
    "grids": {name: {"512": {"0": 1.0, "0.5": 0.25}} for name in ("acc@1", "hit@1", "hit@10", "found")},
}


def test_text_is_escaped_and_markup_is_not():
    assert element("p", "a < b", Markup("<b>c</b>"), class_="x") == '<p class="x">a &lt; b<b>c</b></p>'
    assert element("a", title='"quoted"') == '<a title="&quot;quoted&quot;"></a>'
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    assert element("input", type="radio") == '<input type="radio">'


def test_groups_of_a_table_share_their_columns():
    drawn = grouped_table(["", "n"], {"one": [["row", "1"]], "two": [["row", "2"]]})
    assert drawn.count("<thead>") == 1
    assert drawn.count("<tbody>") == 2
    assert '<th scope="rowgroup" colspan="2">two</th>' in drawn


def test_a_table_names_columns_and_rows_for_those_who_do_not_see():
    drawn = table(["", "n"], [["row", "1"]])
    assert '<th scope="col">n</th>' in drawn
    assert '<th scope="row">row</th><td>1</td>' in drawn


@pytest.mark.parametrize(
    "picture",
    [
        heat_map(
            "T & t", {"512": {"0 %": 1.0, "50 %": 0.0}, "1,024": {"0 %": 0.5}}, x_title="x", y_title="y"
        ),
        bars("T & t", {"all": [Bar(label="<us>", value=0.5, low=0.4, high=0.6)], "b": []}),
        lines("T & t", {"a": {256.0: 10.0, 512.0: 90.0}, "b": {256.0: 50.0}}, x_title="x"),
        lines("T & t", {"a": {256.0: 10.0}}, x_title="x"),
        forest(
            "T & t",
            [Bar(label="<m>", value=-0.1, low=-0.2, high=0.0, solid=False)],
            left_end="a & b",
            right_end="c",
        ),
        forest("T & t", [], left_end="a", right_end="b"),
    ],
    ids=["heat map", "bars", "lines", "one point", "forest", "empty forest"],
)
def test_a_chart_is_well_formed_and_has_a_title(picture):
    root = ET.fromstring(picture)
    assert root.find("{http://www.w3.org/2000/svg}title").text == "T & t"


def test_every_cell_of_a_heat_map_carries_its_number():
    picture = heat_map("t", {"a": {"0": 1.0, "1": 0.126}, "b": {"0": 0.5}}, x_title="x", y_title="y")
    texts = re.findall(r">(\d+)</text>", picture)
    assert {"100", "13", "50"} <= set(texts)


def test_the_scale_goes_from_dark_to_light_and_stops_at_its_ends():
    def luminance(colour: str) -> float:
        red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    steps = [luminance(colour_of(share / 20)) for share in range(21)]
    assert steps == sorted(steps)
    assert colour_of(-1) == colour_of(0)
    assert colour_of(2) == colour_of(1)


def test_the_page_asks_nothing_of_the_network():
    page = report_page([NEEDLES, NEEDLES], title="A <title>")
    assert "A &lt;title&gt;" in page
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!#)([^"')\s>]+)""", page)
    assert outside == []
    assert page.count("<svg") == 6


def test_records_with_one_title_are_told_apart_by_their_settings_or_time():
    own = {**NEEDLES["settings"], "seed": 1}
    plain = {**NEEDLES, "settings": own, "created_at": "2026-11-26T10:00:00+00:00"}
    page = report_page([plain, {**plain, "settings": {**own, "seed": 2}}])
    [title] = {line.split(": seed")[0] for line in re.findall("<h2>(.*?)</h2>", page)}
    assert f"<h2>{title}: seed 1</h2>" in page
    assert f'<a href="#s1">{title}: seed 2</a>' in page
    later = {**plain, "created_at": "2026-11-27T10:00:00+00:00"}
    assert "<h2>" + title + ": 27 November 2026" in report_page([plain, later])
    assert f"<h2>{title}</h2>" in report_page([plain])


def test_charts_are_written_as_files_of_their_own(tmp_path):
    paths = write_pictures(tmp_path / "pictures", [NEEDLES])
    assert len(paths) == 3
    for path in paths:
        ET.fromstring(path.read_text())


def test_a_record_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(DataError, match="'poem' has no section; there are run, needle"):
        report_page([{"kind": "poem"}])
    for text, message in (
        ("{", "is no JSON"),
        ("[]", "is no record"),
        ('{"kind": "x", "format": 9}', "format 9"),
    ):
        (tmp_path / "r.json").write_text(text)
        with pytest.raises(DataError, match=message):
            read_record(tmp_path / "r.json")
    with pytest.raises(DataError, match="is missing"):
        read_record(tmp_path / "none.json")


def system(name: str, figures: dict[str, float]) -> SystemRecord:
    return SystemRecord(name=name, per_query={f"set/{n}": {"m": value} for n, value in figures.items()})


def test_a_comparison_pairs_queries_and_says_which_is_better():
    first = system("one", {str(n): 0.2 for n in range(30)} | {"alone": 1.0})
    second = system("two", {str(n): 0.6 for n in range(30)})
    found = compare(first, second)
    (metric,) = found.metrics
    assert (found.shared, found.only_first, found.only_second) == (30, 1, 0)
    assert metric.difference.mean == pytest.approx(0.4)
    assert metric.verdict == "second is better"
    assert compare(second, first).metrics[0].verdict == "first is better"
    assert compare(first, first).metrics[0].verdict == "no difference shown"


def test_a_comparison_is_drawn_with_its_verdict_and_a_filled_point_where_it_is_real(tmp_path):
    first, second = (
        system(name, {str(n): value for n in range(30)}) for name, value in (("x", 0.2), ("y", 0.6))
    )
    write_record(tmp_path / "c.json", comparison_record(compare(first, second)))
    page = report_page([read_record(tmp_path / "c.json")])
    assert "x against y" in page
    assert "second is better" in page
    assert "+0.400" in page
    hollow = report_page([comparison_record(compare(first, first))])
    assert (page.count('fill="#ffffff"'), hollow.count('fill="#ffffff"')) == (1, 2)  # one is the background


def test_the_page_says_when_its_records_were_made():
    page = report_page([NEEDLES | {"created_at": "2026-11-25T22:50:08+00:00"}])
    assert "1 record, made 25 November 2026, 22:50 UTC" in page


def test_records_without_a_shared_query_are_refused():
    with pytest.raises(DataError, match="share no query: the first has 1, the second 1"):
        compare(system("one", {"a": 1.0}), system("two", {"b": 1.0}))
