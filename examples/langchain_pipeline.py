"""A LangChain pipeline that answers from long documents and cites them.

    python examples/langchain_pipeline.py FOLDER QUESTION

The model is any OpenAI-compatible endpoint: set OPENAI_BASE_URL, OPENAI_API_KEY and
LONGDOC_CHAT_MODEL. Without OPENAI_BASE_URL the prompt is printed in place of an answer.
Needs `pip install 'longdoc-retriever[langchain]' openai`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnablePassthrough

from retriever import Retriever
from retriever.adapters.langchain import LongdocRetriever

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.prompt_values import PromptValue

PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer from the sources alone and cite them as [1]. Say so when they hold no answer."),
        ("human", "{sources}\n\nQuestion: {question}"),
    ]
)


def main(folder: str, question: str) -> None:
    """Index, ask, print."""
    encoder = os.environ.get("LONGDOC_ENCODER", "bundled")
    with Retriever.open(".langchain-store", encoder=encoder) as opened:
        opened.index([folder])
        print(pipeline(opened).invoke(question))


def pipeline(opened: Retriever) -> Runnable[str, str]:
    """Build it: retrieve, write the sources out, ask the model."""
    sources = LongdocRetriever(retriever=opened, limit=4, evidence=2) | RunnableLambda(written_out)
    model = RunnableLambda(chat) if "OPENAI_BASE_URL" in os.environ else RunnableLambda(shown)
    return {"sources": sources, "question": RunnablePassthrough()} | PROMPT | model | StrOutputParser()


def written_out(found: list[Document]) -> str:
    """Number the passages and say where each is from."""
    return "\n\n".join(f"[{n}] {place(one)}\n{one.page_content.strip()}" for n, one in enumerate(found, 1))


def place(passage: Document) -> str:
    """Name the document and the page or line in it."""
    about = passage.metadata
    name = about.get("title") or about["document_id"]
    spot = f"p. {about['page']}" if "page" in about else f"line {about.get('line', 1)}"
    return ", ".join([name, spot, *([about["heading"]] if "heading" in about else [])])


def chat(prompt: PromptValue) -> str:
    """Ask an OpenAI-compatible endpoint."""
    from openai import OpenAI

    roles = {"human": "user", "ai": "assistant"}
    messages = [{"role": roles.get(one.type, one.type), "content": one.text} for one in prompt.to_messages()]
    with OpenAI() as client:
        model = os.environ.get("LONGDOC_CHAT_MODEL", "gpt-4.1-mini")
        made = client.chat.completions.create(model=model, messages=messages)  # type: ignore[arg-type]
    return made.choices[0].message.content or ""


def shown(prompt: PromptValue) -> str:
    """Show the prompt as it would be sent."""
    return prompt.to_string()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(str(__doc__))
    main(*sys.argv[1:])
