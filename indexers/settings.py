"""What a collection is made for: `collection.json`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from indexers.lexical import Analyser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from indexers.places import Place

SETTINGS = "collection.json"
FORMAT = 1


def create_settings(place: Place, *, fingerprint: Mapping[str, Any], dim: int, model: str = "") -> None:
    """Write the settings of a new collection.

    Args:
        place: where they are kept.
        fingerprint: the encoder's.
        dim: the encoder's.
        model: what the encoder is opened by, where the collection says it itself.
    """
    made_for = query_fingerprint(fingerprint)
    write_settings(
        place, {"format": FORMAT, "dim": dim, "fingerprint": made_for, "model": model, "averages": None}
    )


def query_fingerprint(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a query must agree on with what is stored: the encoder and the analyser of words."""
    return {**encoder, "analyser": Analyser.recipe}


def read_settings(place: Place) -> dict[str, Any]:
    """Read the settings of a collection."""
    settings: dict[str, Any] = json.loads(place.read(SETTINGS))
    return settings


def write_settings(place: Place, settings: Mapping[str, Any]) -> None:
    """Replace the settings of a collection."""
    place.write(SETTINGS, json.dumps(settings, indent=1, ensure_ascii=False).encode())
