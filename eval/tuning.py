"""Fits search settings on judged queries by cross-validation, and says whether the gain is more than chance.

Every candidate's raw scores are read once from the collection; after that a setting is
tried in milliseconds. Each query is reported under weights that were fitted on other
queries, so the figures are those of queries that were never seen.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from eval.errors import EvaluationError
from eval.statistics import paired_difference
from retriever.calibration import brier, fit_logistic, probabilities, signals_of
from retriever.fusion import comparable
from retriever.options import SearchOptions
from retriever.profile import Calibration, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from eval.running import Watch
    from eval.types import Dataset, Interval
    from retriever.engine import LocalEngine
    from retriever.profile import QueryKind, SearchProfile
    from retriever.types import ComponentName

    Values = npt.NDArray[np.float64]
    Weights = dict[ComponentName, float]

COMPONENTS: tuple[ComponentName, ...] = (
    "segment_dense",
    "segment_lexical",
    "document_lexical",
    "title_lexical",
)
FOLDS = 5
ENOUGH_QUERIES = 20
ENOUGH_OF_A_KIND = 40
POOLING = ((3, 3, 1.0), (1, 3, 1.0), (3, 16, 2.0), (3, 16, 4.0))
"""Segments that cosines and BM25 are joined from, and the temperature of BM25."""
_DISCOUNTS = 1.0 / np.log2(np.arange(2, 12))
_STEPS = (0.2, 0.1, 0.05)


@dataclass(frozen=True, slots=True)
class Judged:
    """One query with the scores of its candidates.

    Attributes:
        scores: ``(components, candidates)``, comparable.
        signals: ``(candidates, 2)``, raw; see `retriever.calibration`.
        gains: ``(candidates,)``, the grades of the judgements.
        ideal: DCG@10 of the best order of all judged documents.
    """

    id: str
    set: str
    kind: QueryKind
    fold: int
    scores: Values
    signals: Values
    gains: Values
    ideal: float

    def ndcg(self, weights: Values) -> float:
        """Return nDCG@10 under weights in the order of `COMPONENTS`."""
        order = np.argsort(-(weights @ self.scores), kind="stable")[:10]
        return float(self.gains[order] @ _DISCOUNTS[: len(order)]) / self.ideal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What tuning found.

    Attributes:
        before: mean nDCG@10 of the profile that was there.
        after: cross-validated mean of the fitted one.
        gain: the paired difference with its interval.
        profile: fitted on all queries.
        recommended: the gain's interval is above 0.
        brier: squared error of the cross-validated relevance; None when it was not fitted.
    """

    queries: int
    before: float
    after: float
    gain: Interval
    profile: SearchProfile
    recommended: bool
    brier: float | None


def tune(engine: LocalEngine, dataset: Dataset, profile: SearchProfile, watch: Watch) -> Tuned:
    """Fit weights for each kind of query and the pooling of segments.

    Args:
        engine: over a collection that holds the data set's documents.
        dataset: with judgements; every set in it counts the same.
        profile: the settings to improve on, and to begin from.
        watch: is told of the stages.

    Raises:
        EvaluationError: fewer than 20 queries have a judged document among their candidates.
    """
    shapes = [_shape(profile, *pooling) for pooling in POOLING]
    judged = []
    for number, shape in enumerate(shapes):
        watch.stage(f"reading scores {number + 1} of {len(shapes)}", total=len(dataset.queries))
        judged.append(_judge(engine, dataset, shape, watch))
    if len(judged[0]) < ENOUGH_QUERIES:
        raise EvaluationError(
            f"{len(judged[0])} queries have a judged document among their candidates, "
            f"tuning needs {ENOUGH_QUERIES}; judge more, or index the documents of the data set",
            count=len(judged[0]),
        )
    watch.stage("reading scores of the present profile", total=len(dataset.queries))
    before = {
        one.id: one.ndcg(_vector(profile.kinds.get(one.kind, profile.weights)))
        for one in _judge(engine, dataset, profile, watch)
    }
    watch.stage("fitting", total=FOLDS)
    after: dict[str, float] = {}
    for fold in range(FOLDS):
        fitted, place = _fit([[one for one in own if one.fold != fold] for own in judged], shapes)
        after.update(
            {
                one.id: one.ndcg(_vector(fitted.weights_of(one.kind)))
                for one in judged[place]
                if one.fold == fold
            }
        )
        watch.reach(fold + 1)
    best, place = _fit(judged, shapes)
    gain = paired_difference(after, before)
    calibration, error = _calibrate(judged[place], best)
    return Tuned(
        queries=len(after),
        before=float(np.mean([before[one] for one in after])),
        after=float(np.mean(list(after.values()))),
        gain=gain,
        profile=replace(shapes[place], weights=best.weights, kinds=best.kinds, calibration=calibration),
        recommended=gain.low > 0,
        brier=error,
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    weights: Weights
    kinds: dict[QueryKind, Weights]

    def weights_of(self, kind: QueryKind) -> Weights:
        return self.kinds.get(kind, self.weights)


def _shape(profile: SearchProfile, best: int, lexical: int, temperature: float) -> SearchProfile:
    """Return the profile with another pooling, and with every component computed."""
    weights: Weights = {name: max(profile.weights.get(name, 0.0), 1e-6) for name in COMPONENTS}
    return replace(
        profile,
        best_segments=best,
        lexical_segments=lexical,
        lexical_temperature=temperature,
        lexical_temperatures={},
        weights=weights,
        calibration=None,
    )


def _judge(engine: LocalEngine, dataset: Dataset, profile: SearchProfile, watch: Watch) -> list[Judged]:
    searcher = engine.searcher(profile)
    depth = searcher.depth(SearchOptions(query="any"))
    found = []
    for done, query in enumerate(dataset.queries, start=1):
        grades = {name: float(grade) for name, grade in dataset.qrels.get(query.id, {}).items() if grade > 0}
        ranking = searcher.rank(searcher.ask(query.text, None), depth)
        ids = [entry.doc_id for entry in ranking.entries]
        gains = np.array([grades.get(doc_id, 0.0) for doc_id in ids])
        watch.reach(done)
        if not gains.any():
            continue
        best = np.sort(np.array(list(grades.values())))[::-1][:10]
        rows = [
            comparable(ranking.raw[name], ids, profile.fusion) if name in ranking.raw else np.zeros(len(ids))
            for name in COMPONENTS
        ]
        found.append(
            Judged(
                id=query.id,
                set=query.origin,
                kind=kind_of(query.text),
                fold=_fold(query.id),
                scores=np.stack(rows),
                signals=signals_of(ranking),
                gains=gains,
                ideal=float(best @ _DISCOUNTS[: len(best)]),
            )
        )
    return found


def _fit(judged: Sequence[Sequence[Judged]], shapes: Sequence[SearchProfile]) -> tuple[_Fitted, int]:
    """Return the weights of the pooling that does best on these queries, and its place."""
    fitted = [_fit_kinds(own, shape) for own, shape in zip(judged, shapes, strict=True)]
    figures = [
        _mean(own, {kind: _vector(one.weights_of(kind)) for kind in _kinds(own)})
        for own, one in zip(judged, fitted, strict=True)
    ]
    place = int(np.argmax(figures))
    return fitted[place], place


def _fit_kinds(judged: Sequence[Judged], shape: SearchProfile) -> _Fitted:
    everything = _ascend(judged, _vector(shape.weights))
    kinds: dict[QueryKind, Weights] = {}
    for kind in _kinds(judged):
        own = [one for one in judged if one.kind == kind]
        if len(own) >= ENOUGH_OF_A_KIND:
            kinds[kind] = _named(_ascend(own, everything))
    return _Fitted(_named(everything), kinds)


def _ascend(judged: Sequence[Judged], weights: Values) -> Values:
    """Climb from ``weights`` by changing one of them at a time, with smaller and smaller steps."""
    weights = normed(weights)
    best = _mean_of(judged, weights)
    for step in _STEPS:
        better = True
        while better:
            better = False
            for place in range(len(weights)):
                for change in (step, -step):
                    tried = weights.copy()
                    tried[place] = max(0.0, tried[place] + change)
                    if not tried.any():
                        continue
                    figure = _mean_of(judged, tried)
                    if figure > best + 1e-5:
                        weights, best, better = tried, figure, True
    return normed(weights)


def normed(weights: Values) -> Values:
    """Scale weights to a sum of 1."""
    scaled: Values = weights / weights.sum()
    return scaled


def _mean_of(judged: Sequence[Judged], weights: Values) -> float:
    return _mean(judged, dict.fromkeys(_kinds(judged), weights))


def _mean(judged: Sequence[Judged], weights: Mapping[QueryKind, Values]) -> float:
    """Return nDCG@10, the mean over sets of the means over their queries."""
    by_set: dict[str, list[float]] = defaultdict(list)
    for one in judged:
        by_set[one.set].append(one.ndcg(weights[one.kind]))
    return float(np.mean([np.mean(values) for values in by_set.values()]))


def _calibrate(judged: Sequence[Judged], fitted: _Fitted) -> tuple[Calibration | None, float | None]:
    """Fit probabilities on the first ten documents of each query.

    A query that the collection cannot answer is made of each one by taking its relevant
    documents away; the first document that is left is its best wrong answer.
    """
    rows: list[Values] = []
    labels: list[bool] = []
    folds: list[int] = []
    first: list[Values] = []
    answered: list[bool] = []
    for one in judged:
        order = np.argsort(-(_vector(fitted.weights_of(one.kind)) @ one.scores), kind="stable")
        for position in order[:10]:
            rows.append(one.signals[position])
            labels.append(bool(one.gains[position] > 0))
            folds.append(one.fold)
        wrong = next((position for position in order if not one.gains[position]), None)
        first.append(one.signals[order[0]])
        answered.append(bool(one.gains[order[0]] > 0))
        if wrong is not None and wrong != order[0]:
            first.append(one.signals[wrong])
            answered.append(False)
    x, y, fold = np.array(rows), np.array(labels), np.array(folds)
    z, w = np.array(first), np.array(answered)
    if y.all() or not y.any() or w.all() or not w.any():
        return None, None
    held_out = np.zeros(len(y))
    for number in range(FOLDS):
        other = fold != number
        if y[other].any() and not y[other].all():
            held_out[~other] = probabilities(fit_logistic(x[other], y[other]), x[~other])
    calibration = Calibration(
        relevance=fit_logistic(x, y), answerable=fit_logistic(z, w), queries=len(judged)
    )
    return calibration, brier(held_out, y)


def _kinds(judged: Sequence[Judged]) -> list[QueryKind]:
    return sorted({one.kind for one in judged})


def _vector(weights: Mapping[ComponentName, float]) -> Values:
    return np.array([weights.get(name, 0.0) for name in COMPONENTS])


def _named(weights: Values) -> Weights:
    return {name: round(float(weight), 4) for name, weight in zip(COMPONENTS, weights, strict=True)}


def _fold(query_id: str) -> int:
    return hashlib.sha256(f"fold\0{query_id}".encode("utf-8", "surrogatepass")).digest()[0] % FOLDS
