"""``longdoc rerank``: rank texts or search hits with a language model."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Final, get_args

import click

from retriever.cli import read_file
from retriever.rerank.reading import InputFormat, read_candidates
from retriever.rerank.structure import Structure
from retriever.rerank.types import PolicyName, RerankerKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.types import Candidate, RerankResult

_EXIT_CODES: Final = {"ok": 0, "repaired": 0, "fallback": 3, "failed": 1}
_SHOWN_CHARACTERS: Final = 100


@click.command("rerank")
@click.argument("query")
@click.argument("source", type=click.File(encoding="utf-8"), default="-")
@click.option(
    "--format", "form", type=click.Choice(get_args(InputFormat)), default="lines", show_default=True
)
@click.option("--model", required=True, help="Name at the endpoint, or folder of a model.")
@click.option(
    "--kind",
    type=click.Choice(get_args(RerankerKind)),
    default="listwise",
    show_default=True,
    help="A language model that sees the list, or a model that scores each text by itself.",
)
@click.option(
    "--url",
    help="OpenAI-compatible endpoint, such as http://localhost:11434/v1; for --kind endpoint the whole "
    "address, such as https://api.cohere.com/v2/rerank.",
)
@click.option("--policy", type=click.Choice(get_args(PolicyName)), default="auto", show_default=True)
@click.option("--top", type=click.IntRange(min=1), help="How many to return; all by default.")
@click.option("--top-only", is_flag=True, help="Let the model write only the best ones; faster.")
@click.option("--window", type=click.IntRange(min=2), default=20, show_default=True)
@click.option("--step", type=click.IntRange(min=1), default=10, show_default=True)
@click.option("--passage-tokens", type=click.IntRange(min=24), default=256, show_default=True)
@click.option("--context-tokens", type=click.IntRange(min=256), help="What the model reads.")
@click.option("--list-limit", type=click.IntRange(min=1), help="Longest list that it ranks in one call.")
@click.option("--structure", type=click.Choice(get_args(Structure)), default="auto", show_default=True)
@click.option("--deadline", type=click.FloatRange(min=0.1), default=120.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rerank(
    query: str,
    source: IO[str],
    form: InputFormat,
    model: str,
    kind: RerankerKind,
    url: str | None,
    policy: PolicyName,
    top: int | None,
    top_only: bool,
    window: int,
    step: int,
    passage_tokens: int,
    context_tokens: int | None,
    list_limit: int | None,
    structure: Structure,
    deadline: float,
    as_json: bool,
) -> None:
    """Rank the texts of SOURCE by their relevance to QUERY.

    SOURCE is a file or "-". The key of an endpoint is read from LONGDOC_LLM_KEY, for --kind
    endpoint from LONGDOC_RERANK_KEY. Exit codes: 0 ranked, 1 no answer, 3 answered, but the
    order is not or only in part the model's.
    """
    from retriever.rerank.loading import ModelChoice, load_reranker
    from retriever.rerank.planning import RerankOptions

    candidates = read_candidates(read_file(source, name="SOURCE"), form)
    options = RerankOptions(
        policy=policy,
        window=window,
        step=step,
        passage_tokens=passage_tokens,
        top_only=top_only,
        deadline_s=deadline,
    )
    choice = ModelChoice(
        model=model,
        kind=kind,
        url=url,
        context_tokens=context_tokens,
        list_limit=list_limit,
        structure=structure,
    )
    result = load_reranker(choice, options).rerank(query, candidates, top=top)
    if as_json:
        click.echo(json.dumps(asdict(result), ensure_ascii=False, indent=2))
    else:
        _print(result, candidates)
    raise click.exceptions.Exit(_EXIT_CODES[result.status])


def _print(result: RerankResult, candidates: Sequence[Candidate]) -> None:
    for item in result:
        candidate = candidates[item.index]
        text = " ".join((candidate.title or candidate.excerpts[0].text).split())[:_SHOWN_CHARACTERS]
        click.echo(f"{item.rank:>4}  {item.id}  {text}")
    about = "about " if result.usage.estimated else ""
    click.echo(
        f"{result.status}: {result.policy}, {len(result.calls)} of {result.planned} calls, {about}"
        f"{result.usage.read} tokens read, {result.usage.written} written, {result.latency_s:.1f} s",
        err=True,
    )
    for reason in result.reasons:
        click.echo(f"note: {reason}", err=True)
