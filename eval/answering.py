"""With a language model: are answers right, and do their citations hold?

After L-CiteEval: the model answers from numbered passages and cites them as ``[n]``. The
same or another model judges.

- ``accuracy``: 1 where the judge finds the answer to say what the reference says.
- ``citation recall``: share of the answer's sentences that their cited passages support; a
  sentence without a citation is not supported.
- ``citation precision``: share of citations that are needed: without them what the
  sentence still cites does not support it, or the cited passage alone does.

Source:
    Tang et al. 2024, "L-CiteEval", arXiv:2410.02115; Gao et al. 2023, "ALCE",
    arXiv:2305.14627, for both citation metrics.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eval.llm import Writer

_CITATION = re.compile(r"\[(\d+)\]")
_SENTENCE = re.compile(r"(?<=[.!?])(?:\s*\[\d+\])*\s+(?=[^\s\[])")
_MOST_CITATIONS = 3

ANSWER_PROMPT = """\
Answer the question from the passages below. Every sentence must end with at least one \
and at most three citations of the passages that support it, each in brackets of its \
own, like [1][2]. If the passages do not answer the question, say so.

{passages}

Question: {question}"""
SUPPORT_PROMPT = """\
Passages:
{passages}

Statement: {statement}

Do the passages alone support everything that the statement says? Answer yes or no."""
ACCURACY_PROMPT = """\
Question: {question}
Reference answer: {reference}
Given answer: {answer}

Does the given answer say what the reference answer says? Answer yes or no."""


def answer_with_citations(writer: Writer, question: str, numbered: str) -> str:
    """Let the model answer from numbered passages, such as the text of a context."""
    return writer.write(ANSWER_PROMPT.format(passages=numbered, question=question))


def accuracy(judge: Writer, question: str, reference: str, answer: str) -> float:
    """Return 1 where the judge says that the answer agrees with the reference, else 0."""
    prompt = ACCURACY_PROMPT.format(question=question, reference=reference, answer=answer)
    return float(says_yes(judge.write(prompt)))


def citation_figures(judge: Writer, answer: str, passages: Sequence[str]) -> dict[str, float]:
    """Return citation recall, precision and their F1; all 0 for an answer without sentences.

    A citation of a passage that does not exist counts as given and not needed. At most
    three citations of a sentence are read, as the model was told.
    """
    supported = needed = given = 0
    sentences = split_sentences(answer)
    for statement, numbers in sentences:
        given += len(numbers)
        known = [number for number in numbers if 1 <= number <= len(passages)]
        if not known or not _supports(judge, statement, known, passages):
            continue
        supported += 1
        needed += sum(_is_needed(judge, statement, number, known, passages) for number in known)
    recall = supported / len(sentences) if sentences else 0.0
    precision = needed / given if given else 0.0
    total = recall + precision
    return {
        "citation recall": recall,
        "citation precision": precision,
        "citation F1": 2 * recall * precision / total if total else 0.0,
    }


def split_sentences(answer: str) -> list[tuple[str, list[int]]]:
    """Split an answer into sentences without their citations, and the distinct numbers cited."""
    found = []
    start = 0
    for end in (*(match.end() for match in _SENTENCE.finditer(answer)), len(answer)):
        part, start = answer[start:end], end
        text = _CITATION.sub("", part).strip()
        if re.search(r"\w", text):
            numbers = dict.fromkeys(int(number) for number in _CITATION.findall(part))
            found.append((text, list(numbers)[:_MOST_CITATIONS]))
    return found


def says_yes(verdict: str) -> bool:
    """Read a verdict: its first word decides."""
    words = re.findall(r"\w+", verdict.lower())
    return bool(words) and words[0] == "yes"


def _supports(judge: Writer, statement: str, numbers: Sequence[int], passages: Sequence[str]) -> bool:
    cited = "\n\n".join(passages[number - 1] for number in numbers)
    return says_yes(judge.write(SUPPORT_PROMPT.format(passages=cited, statement=statement)))


def _is_needed(
    judge: Writer, statement: str, number: int, numbers: Sequence[int], passages: Sequence[str]
) -> bool:
    others = [one for one in numbers if one != number]
    if not others or _supports(judge, statement, [number], passages):
        return True
    return not _supports(judge, statement, others, passages)
