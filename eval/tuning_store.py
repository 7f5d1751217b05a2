"""Tunes over a store: the user's own, or one made of the data set for the occasion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eval.encoding import open_encoder
from eval.tuning import tune
from retriever.engine import LocalEngine
from retriever.owner.taking import take_store

if TYPE_CHECKING:
    from pathlib import Path

    from eval.running import Watch
    from eval.tuning import Tuned
    from eval.types import Dataset


def tune_store(
    folder: Path,
    dataset: Dataset,
    *,
    collection: str,
    encoder: str,
    encoder_cache: Path | None,
    index: bool,
    save: str | None,
    watch: Watch,
) -> Tuned:
    """Tune, and keep the profile under ``save`` when the gain is more than chance.

    The store is opened in this process, which reads the raw scores of its collection.

    Args:
        folder: of the store.
        dataset: judged queries.
        collection: of the store.
        encoder: name or folder of the collection's model.
        encoder_cache: folder of remembered vectors.
        index: index the data set's documents first.
        save: name of the profile, None to keep none.
        watch: is told of the stages.
    """
    model = open_encoder(encoder, cache=encoder_cache)
    engine = LocalEngine(take_store(folder), collection=collection, encoder=model)
    try:
        if index:
            watch.stage("indexing", total=len(dataset.documents))
            engine.add(dataset.documents, progress=lambda progress: watch.reach(progress.items))
        tuned = tune(engine, dataset, engine.profiles()["default"], watch)
        if save and tuned.recommended:
            engine.save_profile(save, tuned.profile)
        return tuned
    finally:
        engine.close()
