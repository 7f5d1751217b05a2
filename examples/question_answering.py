"""Ask a collection questions; a language model answers, and what it quotes is checked.

    python examples/question_answering.py --url http://localhost:11434/v1 --model NAME [QUESTION ...]

Any endpoint that speaks OpenAI's chat completions will do; its key is read from
LONGDOC_LLM_KEY. Without a question on the command line it reads questions from the
terminal, one a line, until an empty one. By default it asks the store that `make demo`
leaves behind.

For each question it packs sources within a token budget, asks the model, and looks every
quotation up in the text it claims to come from. An answer that quotes what is in no
source, or cites a source that there is not, is sent back once with what is wrong with it.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import httpx

from retriever import Retriever

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from retriever.context.types import Context, Verification

Message = dict[str, str]


def main(arguments: Sequence[str]) -> int:
    """Answer questions; 1 when an answer did not pass the check."""
    options = read_options(arguments)
    passed = True
    with Retriever.open(options.store, collection=options.collection, encoder=options.encoder) as retriever:
        for question in options.questions or questions_typed():
            context = retriever.context(
                question, max_tokens=options.max_tokens, format="messages", tokenizer=options.tokenizer
            )
            if not context.citations:
                print("Nothing was found to answer from.", *(one.detail for one in context.warnings))
                continue
            answer, checked = ask_and_check(retriever, context, options)
            show(answer, context, checked)
            passed = passed and checked.ok
    return 0 if passed else 1


def ask_and_check(
    retriever: Retriever, context: Context, options: argparse.Namespace
) -> tuple[str, Verification]:
    """Ask the model, check its answer, and let it correct itself once."""
    messages = [{"role": one.role, "content": one.content} for one in context.messages]
    answer = chat(messages, options)
    checked = retriever.verify(answer, context)
    if not checked.ok:
        messages += [
            {"role": "assistant", "content": answer},
            {"role": "user", "content": "Correct your answer. " + " ".join(complaints(checked))},
        ]
        answer = chat(messages, options)
        checked = retriever.verify(answer, context)
    return answer, checked


def complaints(checked: Verification) -> Iterator[str]:
    """Say what is wrong with an answer."""
    for one in checked.quotes:
        if one.status == "not_found":
            yield f'"{one.quote}" is in none of the sources; quote word for word or do not quote.'
    for number in checked.unknown:
        yield f"There is no source [{number}]."


def chat(messages: Sequence[Message], options: argparse.Namespace) -> str:
    """Ask an OpenAI-compatible endpoint."""
    key = os.environ.get("LONGDOC_LLM_KEY")
    response = httpx.post(
        f"{options.url.rstrip('/')}/chat/completions",
        json={"model": options.model, "messages": list(messages), "temperature": 0},
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=options.timeout,
    )
    response.raise_for_status()
    return str(response.json()["choices"][0]["message"]["content"]).strip()


def show(answer: str, context: Context, checked: Verification) -> None:
    """Print the answer, where its citations lead, and what did not pass."""
    print(f"\n{answer}\n")
    cited = {one.n for one in checked.markers}
    for one in context.citations:
        if one.n in cited:
            print(f"  {one.label} {one.document.id} {one.start}-{one.end}  {one.document.title}")
    for quote in checked.quotes:
        if quote.status != "not_found":
            print(f'  {quote.status}: "{quote.quote}" is {quote.document_id} {quote.start}-{quote.end}')
    for complaint in complaints(checked):
        print(f"  ! {complaint}")
    used = context.tokens
    print(f"  {used.used} of {used.budget} tokens of context, {len(context.dropped)} found spans left out")


def questions_typed() -> Iterator[str]:
    """Yield lines of the terminal until an empty one."""
    while question := (input("? ") if sys.stdin.isatty() else sys.stdin.readline()).strip():
        yield question


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Ask a collection questions.")
    parser.add_argument("questions", nargs="*", help="asked one after another; typed when there is none")
    parser.add_argument("--url", required=True, help="such as http://localhost:11434/v1")
    parser.add_argument("--model", required=True, help="its name there")
    parser.add_argument("--store", default=".demo/store")
    parser.add_argument("--collection", default="library")
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--max-tokens", type=int, default=3000, help="of instructions, sources and question")
    parser.add_argument("--tokenizer", help="of the model, such as gpt-4o or a folder; estimated by default")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
