"""The settings of a search, fitted once for all sets and not per query; kept with a collection by name."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import msgspec

from encoders.errors import InvalidInputError
from retriever.errors import ProfileNotFoundError, ProfileUnreadableError
from retriever.options import DEFAULT_PROFILE
from retriever.types import ComponentName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from indexers.places import Place

Fusion: TypeAlias = Literal["standard", "robust", "dbsf", "rrf"]
QueryKind: TypeAlias = Literal["identifier", "words", "question", "passage"]

_PASSAGE_WORDS = 25
_IDENTIFIER = re.compile(r"[a-z][A-Z]|[_\d./:\\()]|^[A-Z]{2,}$")
_FOLDER, _SUFFIX = "profiles", ".json"
_BELIEVED_S = 5.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _weights(
    segment_dense: float, segment_lexical: float, document_lexical: float, title_lexical: float
) -> dict[ComponentName, float]:
    return {
        "segment_dense": segment_dense,
        "segment_lexical": segment_lexical,
        "document_lexical": document_lexical,
        "title_lexical": title_lexical,
    }


def _default_weights() -> dict[ComponentName, float]:
    return _weights(0.50, 0.22, 0.24, 0.04)


def _default_kinds() -> dict[QueryKind, dict[ComponentName, float]]:
    return {"question": _weights(0.42, 0.42, 0.10, 0.06), "passage": _weights(0.29, 0.24, 0.40, 0.07)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """``1 / (1 + exp(-(bias + dense * cosine + lexical * BM25 per term)))``."""

    bias: float
    dense: float
    lexical: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From raw signals to probabilities; see `retriever.calibration`.

    Attributes:
        relevance: of a document.
        answerable: of a query, from the signals of the first document.
        queries: how many judged queries it was fitted on.
    """

    relevance: Logistic
    answerable: Logistic
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProfile:
    """How candidates are found, scored and fused.

    Attributes:
        weights: of each component's comparable score; what weighs nothing is not computed.
        kinds: other weights for a kind of query; see `kind_of`.
        fusion: how scores become comparable: ``standard`` (mean and standard deviation over
            the candidates), ``robust`` (median and median deviation), ``dbsf`` or ``rrf``.
        best_segments: a document's cosines are joined from so many best segments.
        dense_temperature: how near to the best cosine another counts; see `pooling.pool_scores`.
        lexical_segments: BM25 is joined from so many best segments.
        lexical_temperature: how near to the best BM25 another counts.
        lexical_temperatures: another one for a kind of query.
        segment_candidates: segments asked of each side at first.
        document_candidates: documents taken from each side.
        evidence_lexical: weight of BM25 beside cosine when segments are chosen as evidence, 0 to 1.
        late_interaction: weight of late interaction where a search asks for it.
        late_interactions: another one for a kind of query.
        late_segments: segments of a document that it reads.
        calibration: gives probabilities; none without.
        version: counts how often a profile of its name was saved; 0 for one that is not kept.
    """

    weights: dict[ComponentName, float] = field(default_factory=_default_weights)
    kinds: dict[QueryKind, dict[ComponentName, float]] = field(default_factory=_default_kinds)
    fusion: Fusion = "standard"
    best_segments: int = 3
    dense_temperature: float = 0.05
    lexical_segments: int = 16
    lexical_temperature: float = 4.0
    lexical_temperatures: dict[QueryKind, float] = field(default_factory=lambda: {"question": 1.5})
    segment_candidates: int = 500
    document_candidates: int = 100
    evidence_lexical: float = 0.4
    late_interaction: float = 0.1
    late_interactions: dict[QueryKind, float] = field(default_factory=lambda: {"question": 0.3})
    late_segments: int = 1
    calibration: Calibration | None = None
    version: int = 0

    def __post_init__(self) -> None:
        _check_known("fusion", [self.fusion], Fusion)
        for per_kind in (self.kinds, self.lexical_temperatures, self.late_interactions):
            _check_known("a kind of query", per_kind, QueryKind)
        for weights in (self.weights, *self.kinds.values()):
            _check_known("a component", weights, ComponentName)
        for weights in (self.weights, *self.kinds.values()):
            if not any(weights.values()) or any(weight < 0 for weight in weights.values()):
                raise InvalidInputError(f"weights are 0 or more and not all 0, got {dict(weights)}")
        temperatures = (
            self.dense_temperature,
            self.lexical_temperature,
            *self.lexical_temperatures.values(),
        )
        if min(temperatures) <= 0 or min(self.best_segments, self.lexical_segments) < 1:
            raise InvalidInputError("temperatures are above 0, best_segments and lexical_segments at least 1")
        if min([self.late_interaction, *self.late_interactions.values()]) < 0 or self.late_segments < 1:
            raise InvalidInputError("late interaction weighs 0 or more and reads at least 1 segment")

    def weights_for(self, query: str) -> dict[ComponentName, float]:
        """Return the weights for a query."""
        return self.kinds.get(kind_of(query), self.weights)

    def lexical_temperature_for(self, query: str) -> float:
        """Return how near to the best BM25 another counts, for a query."""
        return self.lexical_temperatures.get(kind_of(query), self.lexical_temperature)

    def late_interaction_for(self, query: str) -> float:
        """Return the weight of late interaction for a query."""
        return self.late_interactions.get(kind_of(query), self.late_interaction)

    def weighs(self, name: ComponentName) -> bool:
        """Tell whether a component counts for any kind of query."""
        return any(weights.get(name, 0.0) > 0 for weights in (self.weights, *self.kinds.values()))


def _check_known(what: str, given: Iterable[str], kind: Any) -> None:
    known = get_args(kind)
    for one in given:
        if one not in known:
            raise InvalidInputError(f"{what} is one of {', '.join(known)}, got {one!r}", known=list(known))


def kind_of(query: str) -> QueryKind:
    """Tell what a query looks like.

    ``passage``: 25 words and more. ``identifier``: every word looks like a name in code, a
    number or a path. ``question``: ends with a question mark. ``words``: anything else.
    """
    words = query.split()
    if len(words) >= _PASSAGE_WORDS:
        return "passage"
    if words and all(_IDENTIFIER.search(word) for word in words):
        return "identifier"
    return "question" if query.rstrip().endswith(("?", "\uff1f", "\u061f")) else "words"


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

    def load_all(self, place: Place) -> dict[str, SearchProfile]:
        """Return all profiles by name.

        Raises:
            ProfileUnreadableError: some cannot be read; it names them, and those that can.
        """
        found: dict[str, SearchProfile] = {}
        unread: dict[str, str] = {}
        for name in self.names(place):
            try:
                found[name] = self.load(place, name)
            except ProfileUnreadableError as error:
                unread[name] = str(error)
        if unread:
            raise ProfileUnreadableError(
                f"{'; '.join(unread.values())}; these can be read: {', '.join(found) or 'none'}",
                unreadable=list(unread),
                readable=list(found),
            )
        return found

    def load(self, place: Place, name: str) -> SearchProfile:
        """Return a profile; the shipped one for ``default`` when none of that name is kept.

        Raises:
            ProfileNotFoundError: there is none of that name.
            ProfileUnreadableError: what is kept is no profile.
        """
        read, profile = self._known.get(name, (0.0, None))
        if profile is None or time.monotonic() - read > _BELIEVED_S:
            profile = self._read(place, name)
            self._known[name] = (time.monotonic(), profile)
        return profile

    def save(self, place: Place, name: str, profile: SearchProfile) -> SearchProfile:
        """Keep a profile under a name and return it with its new version.

        Raises:
            InvalidInputError: it could not be read again, such as a weight that is no number.
        """
        there = place.below(_FOLDER).exists(_file(name))
        kept = replace(profile, version=self._version(place, name) + 1 if there else 1)
        written = msgspec.json.encode(kept)
        try:
            msgspec.json.decode(written, type=SearchProfile)
        except msgspec.MsgspecError as error:
            raise InvalidInputError(f"the search profile {name!r} cannot be kept: {error}") from error
        place.below(_FOLDER).write(_file(name), msgspec.json.format(written))
        self._known.pop(name, None)
        return kept

    def delete(self, place: Place, name: str) -> None:
        """Forget a profile; ``default`` is then the shipped one again."""
        if not place.below(_FOLDER).exists(_file(name)):
            raise ProfileNotFoundError(f"no search profile {name!r} is kept", known=self.names(place))
        place.below(_FOLDER).remove(_file(name))
        self._known.pop(name, None)

    def _version(self, place: Place, name: str) -> int:
        try:
            return msgspec.json.decode(place.below(_FOLDER).read(_file(name)), type=_Saved).version
        except msgspec.MsgspecError:
            return 0

    def _read(self, place: Place, name: str) -> SearchProfile:
        if place.below(_FOLDER).exists(_file(name)):
            try:
                return msgspec.json.decode(place.below(_FOLDER).read(_file(name)), type=SearchProfile)
            except (msgspec.MsgspecError, InvalidInputError) as error:
                raise ProfileUnreadableError(
                    f"the search profile {name!r} cannot be read ({error}); save it anew or delete it",
                    unreadable=[name],
                ) from error
        if name == DEFAULT_PROFILE:
            return SearchProfile()
        known = self.names(place)
        raise ProfileNotFoundError(f"no search profile {name!r}; there are: {', '.join(known)}", known=known)


class _Saved(msgspec.Struct):
    """Of a profile that may not be readable, how often it was saved."""

    version: int = 0


def check_profile_name(name: str) -> None:
    """Refuse what cannot name a profile.

    Raises:
        InvalidInputError: it can not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            f"{name!r} is no name of a profile; take lower case letters, digits, - and _", name=name
        )


def _file(name: str) -> str:
    check_profile_name(name)
    return f"{name}{_SUFFIX}"
