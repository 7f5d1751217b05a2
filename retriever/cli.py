"""The command ``longdoc``.

Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done, but some items could not be
indexed; 4 the store is in use by another process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import wraps
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from encoders.errors import InvalidInputError, RetrievalError
from indexers.layout import require_store
from indexers.locations import is_local
from indexers.remote_settings import RemoteSettings
from retriever.context.types import EXPANSIONS, FORMATS, ORDERS
from retriever.options import KINDS, OCR_VARIABLE, RERANK_METHODS, EvidenceOptions
from retriever.terminal import harmless
from retriever.waiting import ENCODER, STORE, waiting_for
from retriever.wire import not_unicode

if TYPE_CHECKING:
    from encoders.types import SegmentKind
    from retriever.context.types import CitationRef, Context, Expand, Format, Order, Verification
    from retriever.embedded import BaseRetriever
    from retriever.options import RerankMethod
    from retriever.types import DocumentInfo, Estimate, IndexReport, Job, Progress, SearchResult, UnreadItem

Command = TypeVar("Command", bound=Callable[..., Any])

_FAILED, _PARTLY, _LOCKED = 1, 3, 4
_MAKE_A_STORE = frozenset({"index", "sync", "mcp"})
_AS_JSON = "longdoc.as_json"  # key of what the verb was asked for


class _Commands(click.Group):
    """The verbs defined here and those that other rooms register as entry points."""

    def invoke(self, context: click.Context) -> Any:
        error: RetrievalError | OSError
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise  # nobody reads on, as behind `head`
        except (RetrievalError, OSError) as caught:
            error = caught
        except UnicodeEncodeError as caught:
            if caught.encoding.lower() != "utf-8":
                raise  # the terminal's
            error = not_unicode(caught)
        _say_error(error, as_json=context.meta.get(_AS_JSON, False))
        context.exit(_LOCKED if getattr(error, "code", "") == "store_locked" else _FAILED)

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *(point.name for point in _registered())})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if (own := super().get_command(context, name)) is not None:
            return own
        for point in _registered():
            if point.name == name:
                command: click.Command = point.load()
                return command
        return None


def _registered() -> Any:
    return entry_points(group="longdoc.commands")


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="longdoc-retriever", prog_name="longdoc")
def longdoc() -> None:
    """Index long documents; find the right ones and the evidence in them."""


def main() -> None:
    """Run the command; errors of ours become one line and an exit code."""
    try:
        sys.exit(longdoc(standalone_mode=False))  # the code of `Exit`, None when all went well
    except click.Abort:
        click.echo("stopped; what was committed stays, run the command again to go on", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


def _say_error(error: RetrievalError | OSError, *, as_json: bool) -> None:
    if isinstance(error, RetrievalError):
        code, message, details = error.code, str(error), dict(error.details)
    else:
        code, details = ("not_found" if isinstance(error, FileNotFoundError) else "os_error"), {}
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if as_json:
        _print_json({"error": {"code": code, "message": message, "details": details}})
    else:
        click.echo(f"error: {harmless(message)}", err=True)


def read_file(file: IO[str], *, name: str) -> str:
    """Read a file that an argument names.

    Raises:
        click.BadParameter: it is not UTF-8.
    """
    try:
        return file.read()
    except UnicodeDecodeError as error:
        wrong = f"{file.name} is not UTF-8: byte 0x{error.object[error.start]:02x} at {error.start}"
        raise click.BadParameter(f"{wrong}, {error.reason}", param_hint=name) from error


def store_options(command: Command) -> Command:
    """Add the options that say which store, and hand the verb an open retriever."""

    @click.option(
        "--store", type=click.Path(path_type=Path), default=Path("longdoc-store"), envvar="LONGDOC_STORE",
        show_default=True, help="Folder of the store.",
    )  # fmt: skip
    @click.option("--collection", default="default", envvar="LONGDOC_COLLECTION", show_default=True)
    @click.option(
        "--encoder", default="bundled", envvar="LONGDOC_ENCODER", show_default=True,
        help="Name or folder of a sentence-transformers model.",
    )  # fmt: skip
    @click.option(
        "--qdrant", metavar="URL",
        help="Keep the vectors of a new store in this Qdrant server; see also LONGDOC_QDRANT_URL.",
    )  # fmt: skip
    @click.option("--url", envvar="LONGDOC_URL", help="Ask the service at this address, not a store.")
    @click.option("--api-key", envvar="LONGDOC_API_KEY", help="For --url; better in the environment.")
    @wraps(command)
    def with_retriever(
        *,
        store: Path,
        collection: str,
        encoder: str,
        qdrant: str | None,
        url: str | None,
        api_key: str | None,
        **options: Any,
    ) -> Any:
        from retriever import Client, Retriever

        click.get_current_context().meta[_AS_JSON] = options.get("as_json", False)
        shares = qdrant is not None or RemoteSettings.from_environment() is not None  # what others indexed
        if url is None and not shares and command.__name__ not in _MAKE_A_STORE:
            require_store(store)
        with waiting_for(STORE):
            opened = (
                Client(url, collection=collection, api_key=api_key)
                if url
                else Retriever.open(store, collection=collection, encoder=encoder, qdrant=qdrant)
            )
        with opened as retriever:
            return command(retriever, **options)

    return with_retriever  # type: ignore[return-value]  # click reads the options off the wrapper


def _store_options(command: Command) -> Command:
    """Add what every verb that prints takes: the options of the store, and ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(store_options(command))


class _Location(click.Path):
    """A file or folder that exists, or what is no path."""

    name = "location"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        return super().convert(value, param, context) if is_local(value) else value


_OCR = click.option(
    "--ocr", metavar="LANGUAGES", envvar=OCR_VARIABLE, help="Read pictures of text: eng, or eng+deu."
)


@longdoc.command()
@click.argument("paths", nargs=-1, required=True, type=_Location(exists=True))
@click.option("--detach", is_flag=True, help="Leave it to the store's process; see: longdoc jobs.")
@click.option("--estimate", is_flag=True, help="Only say what it will take: tokens, time, disk.")
@_OCR
@_store_options
def index(
    retriever: BaseRetriever,
    *,
    paths: tuple[str, ...],
    detach: bool,
    estimate: bool,
    ocr: str | None,
    as_json: bool,
) -> None:
    """Index PATHS; unchanged documents cost nothing.

    A path is a file or folder, an archive such as a.zip, git+FOLDER@REVISION, or a URL such as s3://bucket.
    """
    if estimate:
        expected = retriever.estimate(paths)
        _print_json(expected) if as_json else _print_estimate(expected)
        if not expected.fits:
            raise click.exceptions.Exit(_FAILED)
        return
    if detach:
        _print_jobs([retriever.submit(paths, ocr=ocr)], as_json=as_json)
        return
    with _progress_bar(quiet=as_json) as progress:
        report = retriever.index(paths, ocr=ocr, progress=progress)
    if as_json:
        _print_json(report)
    else:
        _print_report(report)
    if report.failed:
        raise click.exceptions.Exit(_PARTLY)


@longdoc.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_OCR
@_store_options
def sync(retriever: BaseRetriever, *, folder: Path, ocr: str | None, as_json: bool) -> None:
    """Index FOLDER and delete documents whose files are gone."""
    with _progress_bar(quiet=as_json) as progress:
        report = retriever.sync(folder, ocr=ocr, progress=progress)
    if as_json:
        _print_json(report)
    else:
        _print_report(report.index)
        shown = f": {', '.join(report.deleted[:10])}" if report.deleted else ""
        more = f" and {len(report.deleted) - 10} more" if len(report.deleted) > 10 else ""
        click.echo(f"{len(report.deleted)} deleted{harmless(shown)}{more}")
    if report.index.failed:
        raise click.exceptions.Exit(_PARTLY)


@longdoc.command()
@click.argument("query")
@click.option("--limit", default=5, show_default=True, help="Documents wanted.")
@click.option("--evidence", default=2, show_default=True, help="Spans shown of each document.")
@click.option("--filter", "where", help='JSON, such as \'{"metadata.year": {"$gte": 2021}}\'.')
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), help="Only spans of this kind.")
@click.option("--symbol", "symbols", multiple=True, help="Only code that defines this name.")
@click.option("--must-contain", multiple=True, metavar="TEXT", help="Every hit holds it; '\"a phrase\"'.")
@click.option("--rerank", type=click.Choice(RERANK_METHODS), default="none", show_default=True)
@click.option(
    "--novelty", type=click.FloatRange(0, 1), default=0.0, help="How much likeness to better documents costs."
)
@click.option("--no-repetitions", is_flag=True, help="Leave out what nearly repeats a better document.")
@click.option("--profile", default="default", show_default=True, help="Settings to score by.")
@click.option("--explain", is_flag=True, help="Say how each score came about.")
@_store_options
def search(
    retriever: BaseRetriever,
    *,
    query: str,
    limit: int,
    evidence: int,
    where: str | None,
    kinds: tuple[SegmentKind, ...],
    symbols: tuple[str, ...],
    must_contain: tuple[str, ...],
    rerank: RerankMethod,
    novelty: float,
    no_repetitions: bool,
    profile: str,
    explain: bool,
    as_json: bool,
) -> None:
    """Find documents and the spans in them that answer QUERY."""
    shown = EvidenceOptions(limit=evidence, kinds=kinds, symbols=symbols)
    with waiting_for(ENCODER):
        result = retriever.search(
            query,
            limit=limit,
            evidence=shown,
            filter=_parse_json(where),
            must_contain=must_contain,
            rerank=rerank,
            novelty=novelty,
            repetitions=not no_repetitions,
            profile=profile,
            explain=explain,
        )
    if as_json:
        _print_json(result)
    else:
        _print_result(result)


@longdoc.command()
@click.argument("queries", nargs=-1, required=True)
@click.option("--max-tokens", default=3000, show_default=True, help="Never exceeded.")
@click.option("--order", type=click.Choice(ORDERS), default="score", show_default=True)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--expand", type=click.Choice(EXPANSIONS), default="sentence", show_default=True)
@click.option("--tokenizer", help="Of the model that reads it: cl100k_base, gpt-4o, a folder, OWNER/MODEL.")
@click.option("--per-document", type=click.IntRange(min=1), help="At most so many tokens of one document.")
@click.option("--limit", type=click.IntRange(min=1), help="Documents searched for.")
@click.option("--filter", "where", help='JSON, such as \'{"metadata.year": {"$gte": 2021}}\'.')
@click.option("--citation", default="[{n}]", show_default=True, help="How sources are cited.")
@_store_options
def context(
    retriever: BaseRetriever,
    *,
    queries: tuple[str, ...],
    max_tokens: int,
    order: Order,
    form: Format,
    expand: Expand,
    tokenizer: str | None,
    per_document: int | None,
    limit: int | None,
    where: str | None,
    citation: str,
    as_json: bool,
) -> None:
    """Print sources for a prompt, with citations.

    They answer QUERIES and keep within a budget of tokens.
    """
    search = {"limit": limit, "filter": _parse_json(where)}
    found = retriever.context(
        queries,
        max_tokens=max_tokens,
        order=order,
        format=form,
        expand=expand,
        tokenizer=tokenizer,
        max_tokens_per_document=per_document,
        search={name: value for name, value in search.items() if value is not None},
        citation=citation,
    )
    if as_json:
        _print_json(found)
    else:
        _print_context(found)


@longdoc.command()
@click.argument("answer", type=click.File(encoding="utf-8"))
@click.argument("context_file", metavar="CONTEXT", type=click.File(encoding="utf-8"))
@click.option("--citation", default="[{n}]", show_default=True, help="How sources are cited.")
@_store_options
def verify(
    retriever: BaseRetriever, *, answer: IO[str], context_file: IO[str], citation: str, as_json: bool
) -> None:
    """Check what ANSWER quotes and cites against CONTEXT.

    CONTEXT is the output of `longdoc context --json`. Exit code 1 when a quotation is in no
    source or a citation names none.
    """
    words, given = read_file(answer, name="ANSWER"), read_file(context_file, name="CONTEXT")
    checked = retriever.verify(words, _read_citations(given), citation=citation)
    if as_json:
        _print_json(checked)
    else:
        _print_verification(checked)
    if not checked.ok:
        raise click.exceptions.Exit(_FAILED)


@longdoc.command()
@click.argument("doc_id")
@_store_options
def get(retriever: BaseRetriever, *, doc_id: str, as_json: bool) -> None:
    """Show what is known of a document."""
    info = retriever.get(doc_id)
    if as_json:
        _print_json(info)
        return
    for name, value in asdict(info).items():
        click.echo(harmless(f"{name}: {value}"))


@longdoc.command()
@click.argument("doc_id")
@click.option("--start", type=click.IntRange(min=0), default=0, help="First code point.")
@click.option("--end", type=click.IntRange(min=0), help="One past the last code point.")
@_store_options
def text(retriever: BaseRetriever, *, doc_id: str, start: int, end: int | None, as_json: bool) -> None:
    """Print the text of a document, or a span of it."""
    if end is not None and end < start:
        raise click.UsageError(f"--start {start} is behind --end {end}; a span needs start <= end")
    try:
        found = retriever.text(doc_id, start, end)
    except ValueError as error:
        raise InvalidInputError(f"the text of {doc_id!r} ends before --start {start}: {error}") from error
    if as_json:
        _print_json({"id": doc_id, "start": start, "end": start + len(found), "text": found})
    else:
        click.echo(found, color=True)  # leaves the escapes in it that click would take out


@longdoc.command("list")
@click.option(
    "--not-searchable", is_flag=True, help="Only what is not covered completely, and files not read, and why."
)
@_store_options
def list_documents(retriever: BaseRetriever, *, not_searchable: bool, as_json: bool) -> None:
    """List the documents of the collection."""
    if not not_searchable:
        documents = retriever.list()
        _print_json(documents) if as_json else _print_documents(documents)
        return
    incomplete = [info for info in retriever.list() if not info.coverage.complete]
    unread = retriever.unread()
    if as_json:
        _print_json({"documents": incomplete, "unread": unread})
    else:
        _print_documents(incomplete)
        _print_unread(unread)


@longdoc.command()
@click.argument("doc_ids", nargs=-1)
@click.option("--filter", "where", help='All that match, such as \'{"metadata.year": {"$lt": 2021}}\'.')
@_store_options
def delete(retriever: BaseRetriever, *, doc_ids: tuple[str, ...], where: str | None, as_json: bool) -> None:
    """Delete the documents DOC_IDS, or those that match a filter."""
    if bool(doc_ids) == bool(where):
        raise click.UsageError("name documents, or give a --filter, and not both")
    given = _parse_json(where)
    deleted = retriever.delete(doc_ids) if given is None else retriever.delete_where(given)
    missing = [doc_id for doc_id in doc_ids if doc_id not in deleted]
    if as_json:
        _print_json({"deleted": deleted, "missing": missing})
    else:
        click.echo(f"deleted {len(deleted)}" + (f", not there: {', '.join(missing)}" if missing else ""))
    if missing:
        raise click.exceptions.Exit(_FAILED)


@longdoc.command()
@click.argument("doc_ids", nargs=-1, required=True)
@_store_options
def purge(retriever: BaseRetriever, *, doc_ids: tuple[str, ...], as_json: bool) -> None:
    """Remove documents and all their versions for good.

    Prints a receipt.
    """
    receipt = retriever.purge(doc_ids)
    if as_json:
        _print_json(receipt)
    else:
        click.echo(
            f"{receipt.at}: {len(receipt.documents)} documents, {receipt.versions} versions, "
            f"{receipt.segments} segments and {receipt.pages} files of text removed"
        )
        for doc_id in receipt.unknown:
            click.echo(f"  not there: {doc_id}")
        if receipt.shared_texts:
            click.echo(f"  {receipt.shared_texts} texts are kept: other documents have exactly the same")


@longdoc.command()
@click.option("--versions", type=click.IntRange(min=0), help="So many of each document; all when left out.")
@click.option("--days", type=click.FloatRange(min=0), help="Since they were replaced; for ever if left out.")
@click.option("--for-ever", is_flag=True, help="Limit neither.")
@_store_options
def retain(
    retriever: BaseRetriever, *, versions: int | None, days: float | None, for_ever: bool, as_json: bool
) -> None:
    """Limit how long earlier versions are kept, from now on; without options say how long they are."""
    limited = versions is not None or days is not None
    if for_ever and limited:
        raise click.UsageError("--for-ever limits neither --versions nor --days; leave them out")
    set_to = retriever.retain(versions=versions, days=days) if limited or for_ever else retriever.retention()
    if as_json:
        _print_json(set_to)
    else:
        count = "all" if set_to.versions is None else set_to.versions
        age = "for ever" if set_to.days is None else f"for {set_to.days:g} days"
        click.echo(f"{count} earlier versions of each document are kept {age}")


@longdoc.command()
@_store_options
def tidy(retriever: BaseRetriever, *, as_json: bool) -> None:
    """Remove text that no document and no kept version needs, and the bytes that indexes have deleted."""
    report = retriever.collect_garbage()
    if as_json:
        _print_json(report)
    else:
        click.echo(
            f"{report.pages} files removed, {report.size_bytes / 1e6:,.1f} MB; {report.left} are needed; "
            f"indexes {report.index_bytes / 1e6:,.1f} MB smaller"
        )


@longdoc.command()
@click.argument("doc_id")
@click.argument("changes")
@_store_options
def patch(retriever: BaseRetriever, *, doc_id: str, changes: str, as_json: bool) -> None:
    """Change the metadata of DOC_ID.

    CHANGES is a JSON merge patch; null removes a key.
    """
    info = retriever.patch(doc_id, _parse_json(changes, name="CHANGES") or {})
    if as_json:
        _print_json(info)
    else:
        metadata = json.dumps(dict(info.metadata), ensure_ascii=False)
        click.echo(f"{info.id} version {info.version} revision {info.revision}: {metadata}")


@longdoc.command()
@click.argument("job_id", required=False)
@click.option("--cancel", is_flag=True, help="Cancel it.")
@click.option("--retry", is_flag=True, help="Queue it again.")
@click.option("--wait", is_flag=True, help="Wait until it ends.")
@_store_options
def jobs(
    retriever: BaseRetriever, *, job_id: str | None, cancel: bool, retry: bool, wait: bool, as_json: bool
) -> None:
    """List jobs, or show, cancel, retry or await JOB_ID.

    The exit code of one that is awaited is that of the same run in the foreground; 1 when it was cancelled.
    """
    actions = [name for name, on in (("cancel", cancel), ("retry", retry), ("wait", wait)) if on]
    if len(actions) > 1:
        raise click.UsageError(f"give one of --{' and --'.join(actions)}")
    action = actions[0] if actions else None
    if job_id is None:
        if action is not None:
            raise click.UsageError(f"--{action} takes the id of a job")
        _print_jobs(retriever.jobs(), as_json=as_json)
        return
    do = {"cancel": retriever.cancel, "retry": retriever.retry, "wait": retriever.wait}
    job = do[action](job_id) if action else retriever.job(job_id)
    _print_jobs([job], as_json=as_json)
    if job.report is not None and not as_json:
        _print_report(job.report)
    if job.state == "failed" or (wait and job.state == "cancelled"):
        raise click.exceptions.Exit(_FAILED)
    if wait and job.report is not None and job.report.failed:
        raise click.exceptions.Exit(_PARTLY)


@longdoc.command()
@click.argument("source", metavar="FROM", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", metavar="TO", type=click.Path(file_okay=False, path_type=Path))
@click.option("--collection", "collections", multiple=True, help="Only this one; may be repeated.")
@click.option("--qdrant", metavar="URL", help="Keep the vectors of TO in this Qdrant server.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def copy(
    source: Path, target: Path, *, collections: tuple[str, ...], qdrant: str | None, as_json: bool
) -> None:
    """Copy a store, embedded or on a server.

    The store FROM is copied into the store TO; nothing is embedded again.
    """
    from retriever import Retriever

    click.get_current_context().meta[_AS_JSON] = as_json
    with Retriever.open(source) as retriever, _progress_bar(quiet=as_json) as progress:
        report = retriever.copy_to(target, collections=collections, qdrant=qdrant, progress=progress)
    if as_json:
        _print_json(report)
        return
    click.echo(
        f"{report.documents} documents copied into {target}, {report.unchanged} were there, "
        f"{report.removed} removed; {report.points} points"
        + (f"; aliases: {', '.join(report.aliases)}" if report.aliases else "")
    )


@longdoc.command()
@click.argument("model", required=False)
@click.option("--hold", is_flag=True, help="Embed, and leave the collection as it is for now.")
@click.option("--drop-old", is_flag=True, help="Remove what earlier migrations have left behind.")
@_store_options
def migrate(
    retriever: BaseRetriever, *, model: str | None, hold: bool, drop_old: bool, as_json: bool
) -> None:
    """Embed the collection anew with the encoder MODEL.

    From stored text, while searches go on. Run it again to go on after an interruption, or
    to switch after --hold.
    """
    if (model is None) != drop_old:
        raise click.UsageError("give the name of an encoder, or --drop-old")
    if model is None:
        dropped = retriever.drop_predecessors()
        _print_json({"dropped": dropped}) if as_json else click.echo(f"dropped {len(dropped)}")
        return
    with _progress_bar(quiet=as_json) as progress:
        report = retriever.migrate(model, switch=not hold, progress=progress)
    if as_json:
        _print_json(report)
        return
    state = "is in use" if report.switched else "waits; run it again without --hold to use it"
    click.echo(
        f"{report.documents} documents, {report.tokens_read:,} tokens in {report.seconds:.1f} s; "
        f"{report.now} {state}, {report.was} is kept"
    )


@longdoc.command()
@click.argument("name", required=False)
@click.argument("target", metavar="COLLECTION", required=False)
@click.option("--remove", is_flag=True, help="Forget NAME; the collection stays.")
@_store_options
def alias(
    retriever: BaseRetriever, *, name: str | None, target: str | None, remove: bool, as_json: bool
) -> None:
    """List aliases, or let NAME mean COLLECTION from now on.

    An alias is a further name of a collection, which may be moved to another one while searches go on.
    """
    if remove and (name is None or target is not None):
        raise click.UsageError("--remove takes the NAME of an alias alone")
    if name is None:
        found = retriever.aliases()
    elif remove:
        retriever.remove_alias(name)
        _print_json({"removed": name}) if as_json else click.echo(f"removed {name}")
        return
    elif target is None:
        raise click.UsageError("say which COLLECTION the name is to mean, or --remove")
    else:
        found = (retriever.set_alias(name, target),)
    if as_json:
        _print_json(found)
        return
    for one in found:
        click.echo(f"{one.name} means {one.collection}")


@longdoc.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_store_options
def backup(retriever: BaseRetriever, *, file: Path, as_json: bool) -> None:
    """Write the whole store to FILE, while it is in use."""
    report = retriever.back_up(file)
    if as_json:
        _print_json(report)
    else:
        click.echo(f"{report.files} files in {file}, {report.size_bytes / 1e6:,.1f} MB")


@longdoc.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--qdrant", metavar="URL", help="Another server for the vectors of a store on a server.")
def restore(file: Path, folder: Path, qdrant: str | None) -> None:
    """Make a store in FOLDER of a backup FILE."""
    from retriever import Retriever

    report = Retriever.restore(file, folder, qdrant=qdrant)
    click.echo(f"{report.files} files restored into {folder}")


@longdoc.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended from stored text.")
@_store_options
def doctor(retriever: BaseRetriever, *, repair: bool, as_json: bool) -> None:
    """Check every document of the collection, and mend what is broken."""
    with _progress_bar(quiet=as_json or not repair) as progress:
        diagnosis = retriever.doctor(repair=repair, progress=progress)
    if as_json:
        _print_json(diagnosis)
    else:
        click.echo(
            f"{diagnosis.documents} documents, {diagnosis.segments} segments, {diagnosis.versions} earlier "
            f"versions checked: {len(diagnosis.findings)} findings"
        )
        for one in diagnosis.findings:
            click.echo(f"  {one.problem} {one.document_id}: {one.detail} ({one.remedy})")
    if not (repair or diagnosis.healthy):
        raise click.exceptions.Exit(_FAILED)


@contextmanager
def _progress_bar(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    if quiet:
        yield None
        return
    from retriever.display import progress_bar

    with progress_bar() as update:
        yield update


def _print_report(report: IndexReport) -> None:
    from retriever.display import print_report

    print_report(report)


def _print_estimate(expected: Estimate) -> None:
    from retriever.display import print_estimate

    print_estimate(expected)


def _print_result(result: SearchResult) -> None:
    from retriever.display import print_result

    print_result(result)


def _print_context(found: Context) -> None:
    from retriever.context.display import print_context

    print_context(found)


def _print_verification(checked: Verification) -> None:
    from retriever.context.display import print_verification

    print_verification(checked)


def _read_citations(source: str) -> list[CitationRef]:
    from retriever.context.display import read_citations

    try:
        return read_citations(source)
    except ValueError as error:
        raise click.BadParameter(f"no context: {error}", param_hint="CONTEXT") from error


def _print_documents(documents: Sequence[DocumentInfo]) -> None:
    from retriever.display import print_documents

    print_documents(documents)


def _print_unread(items: Sequence[UnreadItem]) -> None:
    from retriever.display import print_unread

    print_unread(items)


def _print_jobs(found: Sequence[Job], *, as_json: bool) -> None:
    if as_json:
        _print_json(found)
        return
    for job in found:
        done = f"{job.progress.items} of {job.progress.total or '?'}" if job.progress else "nothing yet"
        speed = f", {job.tokens_per_s:,.0f} tokens/s" if job.tokens_per_s else ""
        left = f", {job.eta_s:.0f} s left" if job.eta_s is not None else ""
        what = f"{job.kind} {' '.join(job.paths)}"
        lost = "".join(
            f", {len(getattr(job.report, name))} {name}"
            for name in ("skipped", "failed")
            if getattr(job.report, name, ())
        )
        click.echo(f"{job.id} {job.state} {what}: {done}{lost}{speed}{left} {job.error}".rstrip())


def _print_json(value: Any) -> None:
    def plain(one: Any) -> Any:
        if is_dataclass(one) and not isinstance(one, type):
            return asdict(one)
        raise TypeError(f"{type(one).__name__} is not JSON")

    click.echo(json.dumps(value, default=plain, ensure_ascii=False, indent=2))


def _parse_json(source: str | None, *, name: str = "--filter") -> dict[str, Any] | None:
    if source is None:
        return None
    try:
        value = json.loads(source)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint=name) from error
    if not isinstance(value, dict):
        raise click.BadParameter(f"not a JSON object: {source}", param_hint=name)
    return value


if __name__ == "__main__":
    main()
