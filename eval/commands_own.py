"""The verbs of ``longdoc eval`` that look at a user's own collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from eval.options import FILE, FOLDER, NEW_FOLDER, READABLE, store_options

if TYPE_CHECKING:
    from pathlib import Path

    from encoders.types import Document
    from eval.needles import NeedleKind


@click.command("needle")
@store_options
@click.option("--haystack", type=FOLDER, help="Hide needles in these texts instead of the collection's.")
@click.option(
    "--kind", type=click.Choice(["plain", "confusing", "multi"]), default="plain", show_default=True
)
@click.option("--length", "lengths", multiple=True, type=int, help="Of documents, in tokens; several.")
@click.option("--depth", "depths", multiple=True, type=float, help="From 0 to 1; several.")
@click.option("--per-cell", default=5, show_default=True, help="Needles for each length and depth.")
@click.option("--distractors", default=0, show_default=True, help="Also index N documents of the collection.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def needle(
    store: Path,
    collection: str,
    encoder: str,
    haystack: Path | None,
    kind: NeedleKind,
    lengths: tuple[int, ...],
    depths: tuple[float, ...],
    per_cell: int,
    distractors: int,
    seed: int,
    json_file: Path | None,
) -> None:
    """Hide facts in copies of your texts and look for them.

    Figures are by length and depth. The store is only read.
    """
    from rich.console import Console

    from eval.encoding import open_encoder
    from eval.needle_test import run_needle_test
    from eval.needles import NeedleOptions
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.tables_own import show_needles

    usual = NeedleOptions()
    options = NeedleOptions(
        kind=kind,
        lengths=lengths or usual.lengths,
        depths=depths or usual.depths,
        per_cell=per_cell,
        seed=seed,
    )
    with ProgressWatch() as watch:
        model = open_encoder(encoder)
        held = [] if haystack and not distractors else _stored(store, collection, encoder)
        texts = _texts(haystack) if haystack else [document.text for document in held]
        record = run_needle_test(texts, held[:distractors], options, model, watch)
    if json_file:
        write_record(json_file, record)
    show_needles(Console(), record)


@click.command("own")
@store_options
@click.option(
    "--made",
    "makers",
    multiple=True,
    type=click.Choice(["title", "heading", "docstring", "sentence", "llm"]),
    help="Kinds of queries; all that need no model by default.",
)
@click.option("--per-kind", default=100, show_default=True, type=click.IntRange(min=1))
@click.option("--llm", help="OpenAI-compatible address, for the kind llm; the key is LONGDOC_LLM_KEY.")
@click.option("--model", help="The model's name there.")
@click.option(
    "--out", type=NEW_FOLDER, help="Write a BEIR folder of texts, queries, judgements and spans, to correct."
)
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def own(
    store: Path,
    collection: str,
    encoder: str,
    makers: tuple[str, ...],
    per_kind: int,
    llm: str | None,
    model: str | None,
    out: Path | None,
    json_file: Path | None,
) -> None:
    """Measure a collection with queries written from it."""
    from rich.console import Console

    from eval.collection import measure_own, write_queries
    from eval.llm import ChatEndpoint
    from eval.own_queries import checked_makers
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.tables_own import show_own
    from retriever import Retriever

    if bool(llm) != bool(model):
        raise click.UsageError("--llm and --model belong together")
    writer = ChatEndpoint(url=llm, model=model) if llm and model else None
    with ProgressWatch() as watch, Retriever.open(store, collection=collection, encoder=encoder) as retriever:
        record, dataset = measure_own(
            retriever,
            checked_makers(makers),
            per_maker=per_kind,
            encoder=encoder,
            watch=watch,
            writer=writer,
        )
    if out:
        write_queries(out, dataset)
    if json_file:
        write_record(json_file, record)
    show_own(Console(), record)


@click.command("shadow")
@store_options
@click.option("--queries", required=True, type=READABLE, help="JSON lines {_id, text}, or one per line.")
@click.option("--qrels", type=READABLE, help="Judgements, when there are any.")
@click.option(
    "--against", required=True,
    help="http:URL, qdrant:URL/collection, python:module:callable or store:FOLDER/COLLECTION.",
)  # fmt: skip
@click.option("--using", default="", help="Name of the vector in Qdrant.")
@click.option("--limit", default=10, show_default=True, help="Documents asked of both.")
@click.option("--page", type=FILE, help="Write a blind side-by-side page there; the key beside it.")
@click.option("--seed", default=0, show_default=True, help="Of the page's sides.")
@click.option("--json", "json_file", type=FILE, help="Write the record there.")
def shadow(
    store: Path,
    collection: str,
    encoder: str,
    queries: Path,
    qrels: Path | None,
    against: str,
    using: str,
    limit: int,
    page: Path | None,
    seed: int,
    json_file: Path | None,
) -> None:
    """Compare what you use today with this retriever.

    Both are asked the same queries.
    """
    from functools import partial

    from rich.console import Console

    from eval.blind_page import blind_page, dump_key
    from eval.collection import text_reader
    from eval.encoding import open_encoder
    from eval.progress import ProgressWatch
    from eval.record import write_record
    from eval.shadow import OURS, THEIRS, load_queries
    from eval.shadow import shadow as compare
    from eval.systems import RetrieverSystem
    from eval.tables_own import show_shadow
    from eval.targets import open_target
    from retriever import Retriever

    with ProgressWatch() as watch, Retriever.open(store, collection=collection, encoder=encoder) as retriever:
        target = open_target(against, limit=limit, load=partial(open_encoder, encoder), using=using)
        ours = RetrieverSystem(retriever, limit=limit)
        record, pairs = compare(ours, target, load_queries(queries, qrels), address=against, watch=watch)
        if page:
            drawn, key = blind_page(pairs, (OURS, THEIRS), text_reader(retriever), seed=seed)
            page.write_text(drawn, encoding="utf-8")
            page.with_suffix(".key.json").write_text(dump_key(key), encoding="utf-8")
    if json_file:
        write_record(json_file, record)
    show_shadow(Console(), record)


@click.command("votes")
@click.argument("votes", type=READABLE)
@click.argument("key", type=READABLE)
def votes(votes: Path, key: Path) -> None:
    """Count the votes that were saved from a blind page."""
    import json

    from eval.blind_page import tally

    counted = tally(json.loads(votes.read_text("utf-8")), json.loads(key.read_text("utf-8")))
    for system, wins in counted.wins.items():
        click.echo(f"{system}: {wins}")
    click.echo(f"no difference: {counted.equal}\nsign test: p = {counted.p:.4f}")


def _stored(store: Path, collection: str, encoder: str) -> list[Document]:
    from eval.collection import stored_documents
    from retriever import Retriever

    with Retriever.open(store, collection=collection, encoder=encoder) as retriever:
        return stored_documents(retriever)


def _texts(folder: Path) -> list[str]:
    from eval.haystack import haystack_texts

    return haystack_texts(folder)
