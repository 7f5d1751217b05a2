"""The settings of a search, fitted once for all sets and not per query; kept with a collection by name."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from encoders.errors import InvalidInputError
from retriever.errors import ProfileNotFoundError
from retriever.options import DEFAULT_PROFILE
from retriever.types import ComponentName

if TYPE_CHECKING:
    from indexers.places import Place

_FOLDER, _SUFFIX = "profiles", ".json"
_BELIEVED_S = 5.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _default_weights() -> Mapping[ComponentName, float]:
    return {"segment_dense": 0.5, "document_lexical": 0.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProfile:
    """How candidates are found, scored and fused.

    Attributes:
        weights: of each component's standardised score.
        best_segments: a document's dense score is the mean of so many best segments.
        segment_candidates: segments asked of the dense side at first.
        document_candidates: documents taken from each side.
        evidence_lexical: weight of BM25 beside cosine when segments are chosen as evidence, 0 to 1.
        version: counts how often a profile of its name was saved; 0 for one that is not kept.
    """

    weights: Mapping[ComponentName, float] = field(default_factory=_default_weights)
    best_segments: int = 3
    segment_candidates: int = 1_000
    document_candidates: int = 200
    evidence_lexical: float = 0.5
    version: int = 0


class Profiles:
    """The profiles of a collection, a JSON file each, beside its settings.

    What was read is believed for some seconds, because a search must not wait for a
    distant disk.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, SearchProfile]] = {}

    def names(self, place: Place) -> list[str]:
        """Return the names of all profiles; ``default`` is always one."""
        kept = {name.removesuffix(_SUFFIX) for name in place.below(_FOLDER).names()}
        return sorted({DEFAULT_PROFILE, *kept})

    def load(self, place: Place, name: str) -> SearchProfile:
        """Return a profile; the shipped one for ``default`` when none of that name is kept.

        Raises:
            ProfileNotFoundError: there is none of that name.
        """
        read, profile = self._known.get(name, (0.0, None))
        if profile is None or time.monotonic() - read > _BELIEVED_S:
            profile = self._read(place, name)
            self._known[name] = (time.monotonic(), profile)
        return profile

    def save(self, place: Place, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep a profile under a name and return it with its new version."""
        there = place.below(_FOLDER).exists(_file(name))
        kept = replace(profile, version=self._read(place, name).version + 1 if there else 1)
        place.below(_FOLDER).write(_file(name), msgspec.json.format(msgspec.json.encode(kept)))
        self._known.pop(name, None)
        return kept

    def delete(self, place: Place, name: str) -> None:
        """Forget a profile; ``default`` is then the shipped one again."""
        if not place.below(_FOLDER).exists(_file(name)):
            raise ProfileNotFoundError(f"no search profile {name!r} is kept", known=self.names(place))
        place.below(_FOLDER).remove(_file(name))
        self._known.pop(name, None)

    def _read(self, place: Place, name: str) -> SearchProfile:
        if place.below(_FOLDER).exists(_file(name)):
            return msgspec.json.decode(place.below(_FOLDER).read(_file(name)), type=SearchProfile)
        if name == DEFAULT_PROFILE:
            return SearchProfile()
        known = self.names(place)
        raise ProfileNotFoundError(f"no search profile {name!r}; there are: {', '.join(known)}", known=known)


def _file(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is no name of a profile; take lower case letters, digits, - and _", name=name
        )
    return f"{name}{_SUFFIX}"
