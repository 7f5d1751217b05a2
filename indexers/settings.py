"""What a collection is made for: `collection.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indexers.durable import read_json, write_json
from indexers.lexical import Analyser

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SETTINGS = "collection.json"
FORMAT = 1


def create_settings(folder: Path, *, fingerprint: Mapping[str, Any], dim: int) -> None:
    """Write the settings of a new collection."""
    made_for = query_fingerprint(fingerprint)
    write_settings(folder, {"format": FORMAT, "dim": dim, "fingerprint": made_for, "averages": None})


def query_fingerprint(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a query must agree on with what is stored: the encoder and the analyser of words."""
    return {**encoder, "analyser": Analyser.recipe}


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of a collection."""
    settings: dict[str, Any] = read_json(folder / SETTINGS)
    return settings


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Replace the settings of a collection."""
    write_json(folder / SETTINGS, settings)
