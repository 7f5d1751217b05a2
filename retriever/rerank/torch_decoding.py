"""Decodes rankings from a causal language model: only what is still possible is scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from encoders.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from retriever.rerank.answer_tokens import AnswerTokens


class CausalModel(Protocol):
    """What decoding needs of a transformers model."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def __call__(
        self, *, input_ids: torch.Tensor, past_key_values: Any, use_cache: bool, logits_to_keep: int
    ) -> Any:
        """Return an object with ``logits`` and ``past_key_values``."""
        ...


@dataclass(slots=True)
class _Reader:
    """Feeds tokens to a model with a cache; tokens whose prediction nobody needs wait for the next step."""

    model: CausalModel
    waiting: list[int]
    stopped: Callable[[], bool]
    cache: Any = None
    forwards: int = field(default=0)

    def logits(self) -> torch.Tensor:
        """Read what waits and return the logits ``(vocabulary,)`` of what comes next."""
        if self.stopped():
            raise InterruptedError("the ranking was cancelled")
        ids = torch.tensor([self.waiting], device=self.model.device)
        output = self.model(input_ids=ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache = output.past_key_values
        self.waiting = []
        self.forwards += 1
        logits: torch.Tensor = output.logits[0, -1].float()
        return logits


@torch.inference_mode()
def decode_permutation(
    model: CausalModel,
    prompt: Sequence[int],
    answer: AnswerTokens,
    *,
    wanted: int,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[int, ...]:
    """Return the best ``wanted`` places, chosen one after the other, never one twice.

    At each token only the continuations of identifiers that are left compete; of
    equal ones the earlier passage wins. What is certain, a separator or the rest of
    an identifier that no other shares, costs no pass of its own, and the last
    identifier costs none at all.

    Args:
        model: gives logits; the prompt must fit its context.
        prompt: tokens up to the answer.
        answer: the pieces of an answer.
        wanted: how many, at most the identifiers there are.
        stopped: asked before every pass.

    Raises:
        InterruptedError: ``stopped`` said so.
        ModelError: the model gives logits that are not numbers.
    """
    reader = _Reader(model, list(prompt), stopped)
    left = list(range(len(answer.tokens)))
    order: list[int] = []
    while left and len(order) < wanted:
        if order:
            reader.waiting += answer.separator
        place = _choose(reader, answer.tokens, left)
        left.remove(place)
        order.append(place)
    return tuple(order)


def _choose(reader: _Reader, tokens: Sequence[tuple[int, ...]], left: Sequence[int]) -> int:
    """Walk token by token to one identifier of ``left``, which is in ascending order."""
    rivals = list(left)
    depth = 0
    while len(rivals) > 1:
        allowed = list(dict.fromkeys(tokens[place][depth] for place in rivals))
        token = allowed[0] if len(allowed) == 1 else allowed[_best(reader.logits(), allowed)]
        reader.waiting.append(token)
        rivals = [place for place in rivals if tokens[place][depth] == token]
        depth += 1
    reader.waiting += tokens[rivals[0]][depth:]
    return rivals[0]


def _best(logits: torch.Tensor, allowed: Sequence[int]) -> int:
    scores = _finite(logits[torch.tensor(allowed, device=logits.device)])
    return int((scores == scores.max()).nonzero()[0])


@torch.inference_mode()
def first_token_order(
    model: CausalModel,
    prompt: Sequence[int],
    answer: AnswerTokens,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[int, ...]:
    """Order all places by the logits of their identifiers in one single pass.

    Args:
        model: gives logits.
        prompt: tokens up to the answer.
        answer: identifiers that one token tells apart; see
            `retriever.rerank.answer_tokens.single_token_identifiers`.
        stopped: asked before the pass.

    Raises:
        ModelError: two identifiers begin with the same token.

    Source:
        Reddy et al. 2024, "FIRST: Faster Improved Listwise Reranking with Single Token Decoding",
        arXiv:2406.15657.
    """
    shared = _shared_start(answer.tokens)
    firsts = [piece[shared] for piece in answer.tokens]
    if len(set(firsts)) < len(firsts):
        raise ModelError(
            f"{len(firsts)} identifiers begin with only {len(set(firsts))} different tokens; "
            "rank by one token needs identifiers that differ in it"
        )
    reader = _Reader(model, [*prompt, *answer.tokens[0][:shared]], stopped)
    scores = _finite(reader.logits()[torch.tensor(firsts, device=model.device)]).tolist()
    return tuple(sorted(range(len(scores)), key=lambda place: -scores[place]))


def _shared_start(pieces: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens all pieces begin with; less than the length of the shortest."""
    shared = 0
    while all(len(piece) > shared + 1 and piece[shared] == pieces[0][shared] for piece in pieces):
        shared += 1
    return shared


def _finite(scores: torch.Tensor) -> torch.Tensor:
    if not torch.isfinite(scores).all():
        raise ModelError("the model gives logits that are not finite; its weights or its dtype are broken")
    return scores
