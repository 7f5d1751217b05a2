"""Names of people and places that generated facts are about."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from eval.errors import EvaluationError

if TYPE_CHECKING:
    from random import Random

_FIRST = """
    Ada Bela Cara Dario Edda Falk Greta Hugo Ines Jonas Karla Lars Mira Nils Olga Paul Rosa Sven Tilda Uwe
    Vera Wanda Xenia Yann Zora Amos Bruno Clara Dina Emil""".split()
_LAST = """
    Abbott Barlow Cresswell Dunmore Ellery Farrow Granger Hollis Ivory Jessop Kendrick Lockwood Merrick
    Norwood Osgood Pembroke Quimby Radley Sefton Thorne Upton Vickers Whitby Yardley Zeller Ashdown
    Bramley Calder Denholm Easton""".split()
_PLACE = """
    Alder Birch Cedar Copper Dover Ember Falcon Garnet Harbor Iris Jasper Kestrel Linden Maple Nettle Onyx
    Pebble Quartz Raven Sable Thistle Umber Violet Willow Yarrow Zephyr Amber Basalt Cobalt Dune""".split()
_KIND = """
    Archive Bridge Chapel Depot Embassy Foundry Gallery Hospital Institute Junction Kiln Library Market
    Nursery Observatory Pavilion Quarry Refinery Station Theatre""".split()


def people(count: int, chance: Random) -> list[str]:
    """Draw ``count`` distinct full names."""
    return _draw([" ".join(pair) for pair in product(_FIRST, _LAST)], count, chance)


def places(count: int, chance: Random) -> list[str]:
    """Draw ``count`` distinct names of buildings."""
    return _draw([" ".join(pair) for pair in product(_PLACE, _KIND)], count, chance)


def places_like(place: str) -> list[str]:
    """Return every other name of a building that shares a word with this one."""
    first, kind = place.split()
    same_first, same_kind = ([first], _KIND), (_PLACE, [kind])
    names = (" ".join(pair) for words in (same_first, same_kind) for pair in product(*words))
    return [name for name in names if name != place]


def _draw(names: list[str], count: int, chance: Random) -> list[str]:
    if count > len(names):
        raise EvaluationError(f"there are {len(names)} distinct names, {count} were asked for")
    return chance.sample(names, count)
