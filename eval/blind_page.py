"""A page on which a reader judges two systems without knowing which is which.

Sides are drawn per query; which side was whose is in a key that is kept apart from the
page until the votes are in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from random import Random
from typing import TYPE_CHECKING, Literal, TypeAlias

from eval.errors import DataError
from eval.markup import Markup, element

if TYPE_CHECKING:
    from eval.types import Answer, Query, RankedDocument

Side: TypeAlias = Literal["left", "right"]
TextOf: TypeAlias = Callable[[str, int, int], str]
"""(document id, start, end) to text; empty where the document is not known."""

_ADVICE = (
    "Read both sides, then choose below them. Which system stands on which side changes from question to "
    "question. Votes stay in this browser until you save them."
)
_DOCUMENTS = 5
_CHARACTERS = 400
_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; color: #1a1a1a; background: #fff; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem 1.25rem 6rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .5rem; } p { max-width: 44rem; color: #595959; }
section { border-top: 2px solid #1a1a1a; margin-top: 2.5rem; padding-top: .5rem; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .5rem 2.5rem; }
h2 { font-size: 1.15rem; margin: .75rem 0; } h3 { font-size: .95rem; color: #595959; margin: .5rem 0; }
ol { padding-left: 1.3rem; margin: 0; } li { margin-bottom: .9rem; }
.id { font-weight: 600; overflow-wrap: anywhere; }
blockquote { margin: .3rem 0; padding-left: .7rem; border-left: 3px solid #d9d9d9; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .92rem; }
fieldset { border: 0; padding: .4rem 0; margin: .5rem 0; }
label { display: inline-block; white-space: nowrap; margin: 0 1.5rem .4rem 0; cursor: pointer; }
#bar { position: fixed; inset: auto 0 0 0; background: #f3f3f3; border-top: 1px solid #d9d9d9;
  padding: .6rem 1.25rem; display: flex; gap: 1.25rem; align-items: center; }
button { font: inherit; padding: .3rem .9rem; }
@media (max-width: 36rem) { h1 { font-size: 1.5rem; } body { font-size: 15px; } }
@media print { #bar { display: none; } section, li { break-inside: avoid; } }
"""
_SCRIPT = """
const name = 'votes ' + document.title;
const votes = JSON.parse(localStorage.getItem(name) || '{}');
function show() {
  document.getElementById('count').textContent = Object.keys(votes).length;
  for (const [query, vote] of Object.entries(votes)) {
    const box = document.querySelector(`input[name="${CSS.escape(query)}"][value="${vote}"]`);
    if (box) box.checked = true;
  }
}
document.addEventListener('change', event => {
  votes[event.target.name] = event.target.value;
  localStorage.setItem(name, JSON.stringify(votes));
  show();
});
document.getElementById('save').addEventListener('click', () => {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([JSON.stringify(votes, null, 1)], { type: 'application/json' }));
  link.download = 'votes.json';
  link.click();
});
show();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Votes counted.

    Attributes:
        wins: votes by system.
        equal: votes for neither.
        p: two-sided sign test over the votes that were not equal; 1 where there are none.
    """

    wins: Mapping[str, int]
    equal: int
    p: float


def blind_page(
    pairs: Sequence[tuple[Query, Answer, Answer]], names: tuple[str, str], text_of: TextOf, *, seed: int
) -> tuple[str, dict[str, dict[Side, str]]]:
    """Draw the page and the key.

    Args:
        pairs: queries with the answers of both systems.
        names: of the two systems, in the order of the answers.
        text_of: reads the text of evidence.
        seed: of the sides.

    Returns:
        The page, and query id -> side -> system.
    """
    chance = Random(seed)
    sections: list[Markup] = []
    key: dict[str, dict[Side, str]] = {}
    for query, first, second in pairs:
        swapped = chance.random() < 0.5
        left, right = (second, first) if swapped else (first, second)
        key[query.id] = {"left": names[int(swapped)], "right": names[1 - int(swapped)]}
        sections.append(_section(query, left, right, text_of))
    judged = element("span", Markup('<span id="count">0</span>'), f" of {len(pairs)} judged")
    bar = element("div", judged, element("button", "Save votes", id="save"), id="bar")
    main = element("main", element("h1", "Which answer is better?"), element("p", _ADVICE), *sections)
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", f"Blind comparison {seed}"),
        element("style", Markup(_STYLE)),
    )
    body = element("body", main, bar, element("script", Markup(_SCRIPT)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n", key


def tally(votes: Mapping[str, str], key: Mapping[str, Mapping[str, str]]) -> Tally:
    """Count votes by system.

    Raises:
        DataError: a vote is for a query that the key lacks, or is none of left, right and equal.
    """
    systems = sorted({system for sides in key.values() for system in sides.values()})
    wins = dict.fromkeys(systems, 0)
    equal = 0
    for query_id, vote in votes.items():
        if query_id not in key or vote not in ("left", "right", "equal"):
            raise DataError(f"the vote {vote!r} for query {query_id!r} does not belong to this key")
        if vote == "equal":
            equal += 1
        else:
            wins[key[query_id][vote]] += 1
    return Tally(wins=wins, equal=equal, p=sign_test(max(wins.values(), default=0), sum(wins.values())))


def sign_test(wins: int, votes: int) -> float:
    """Return the two-sided probability of a split at least as uneven if both were equally good."""
    more = max(wins, votes - wins)
    tail = sum(comb(votes, k) for k in range(more, votes + 1))
    return min(1.0, float(2 * tail / 2**votes))


def dump_key(key: Mapping[str, Mapping[Side, str]]) -> str:
    """Write the key as JSON."""
    return json.dumps(key, indent=1, ensure_ascii=False) + "\n"


def _section(query: Query, left: Answer, right: Answer, text_of: TextOf) -> Markup:
    choices = (("left", "left is better"), ("right", "right is better"), ("equal", "no difference"))
    boxes = [
        element("label", element("input", type="radio", name=query.id, value=value), f" {says}")
        for value, says in choices
    ]
    sides = [
        element(
            "div",
            element("h3", name),
            element("ol", *(_hit(one, text_of) for one in answer.documents[:_DOCUMENTS])),
        )
        for name, answer in (("Left", left), ("Right", right))
    ]
    return element(
        "section",
        element("h2", query.text),
        element("div", *sides, class_="sides"),
        element("fieldset", *boxes),
    )


def _hit(document: RankedDocument, text_of: TextOf) -> Markup:
    # A side without spans shows the beginning of its documents, or it would give itself away.
    start, end = next(((one.start, one.end) for one in document.evidence), (0, _CHARACTERS))
    text = text_of(document.doc_id, start, min(end, start + _CHARACTERS)).strip()
    if end > start + _CHARACTERS and len(text) >= _CHARACTERS / 2:
        text = f"{text.rsplit(maxsplit=1)[0]} …"
    quote = [element("blockquote", re.sub(r"\n\s*\n", "\n", text))] if text else []
    return element("li", element("div", document.doc_id, class_="id"), *quote)
