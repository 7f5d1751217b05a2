"""``longdoc tune``: search settings fitted on judged queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eval.options import ENCODER, FILE, FOLDER, NEW_FOLDER, distractor_options

if TYPE_CHECKING:
    from pathlib import Path

    from eval.tuning import Tuned


@click.command("tune")
@click.option("--data", multiple=True, required=True, type=FOLDER, help="BEIR folder; several are merged.")
@click.option("--queries", type=click.IntRange(min=1), help="At most N queries of every set, by hash.")
@distractor_options
@click.option(
    "--store",
    type=NEW_FOLDER,
    help="A collection that holds the documents already, under the ids of the judgements; "
    "by default the folder's own documents are indexed for the occasion.",
)
@click.option("--collection", default="default", show_default=True)
@click.option("--save", metavar="NAME", help="Keep the profile with the collection when the gain is real.")
@ENCODER
@click.option("--encoder-cache", type=NEW_FOLDER, help="Remember vectors there for repeated experiments.")
@click.option("--json", "json_file", type=FILE, help="Write what was found there.")
def tune(
    data: tuple[Path, ...],
    queries: int | None,
    distractors: tuple[Path, ...],
    distractor_files: int,
    store: Path | None,
    collection: str,
    save: str | None,
    encoder: str,
    encoder_cache: Path | None,
    json_file: Path | None,
) -> None:
    """Fit weights and pooling by cross-validation.

    Noise is not recommended.

    A gain counts when its 95 % interval (paired bootstrap over queries, each under weights
    fitted on others) is above 0. Exit code 1 when it is not, and nothing is saved then.
    """
    import tempfile
    from pathlib import Path as FolderPath

    from eval.progress import ProgressWatch
    from eval.running import RunOptions, load
    from eval.tuning_store import tune_store
    from retriever.profile import check_profile_name

    if save is not None:
        check_profile_name(save)

    options = RunOptions(
        data=data,
        queries=queries,
        distractors=distractors,
        distractor_files=distractor_files,
        collection=collection,
        encoder=encoder,
        store=store,
    )
    dataset = load(options)
    with tempfile.TemporaryDirectory(prefix="longdoc-tune-") as scratch, ProgressWatch() as watch:
        tuned = tune_store(
            store or FolderPath(scratch),
            dataset,
            collection=collection,
            encoder=encoder,
            encoder_cache=encoder_cache,
            index=store is None,
            save=save,
            watch=watch,
        )
    if json_file:
        from retriever.wire import encode

        json_file.write_bytes(encode(tuned))
    _show(tuned, save)
    if not tuned.recommended:
        raise click.exceptions.Exit(1)


def _show(tuned: Tuned, save: str | None) -> None:
    gain = tuned.gain
    click.echo(
        f"nDCG@10 over {tuned.queries} queries: {tuned.before:.3f} now, {tuned.after:.3f} tuned "
        f"(cross-validated); gain {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
    )
    if not tuned.recommended:
        why = "the tuned settings rank worse" if gain.high < 0 else "that may be chance"
        click.echo(f"{why}: keep the present profile, or judge more queries; nothing was saved")
        return
    profile = tuned.profile
    for kind, weights in (("all", profile.weights), *sorted(profile.kinds.items())):
        click.echo(f"  {kind}: " + ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items()))
    click.echo(
        f"  best_segments {profile.best_segments}, lexical_segments {profile.lexical_segments}, "
        f"lexical_temperature {profile.lexical_temperature}"
    )
    if tuned.brier is not None:
        click.echo(f"  relevance: squared error {tuned.brier:.3f} on queries that were not fitted on")
    click.echo(f"saved as {save}" if save else "save it with --save NAME (--save default for all searches)")
