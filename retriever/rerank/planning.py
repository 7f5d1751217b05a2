"""Chooses policy, windows and passage length so that every call fits the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from encoders.errors import InvalidInputError
from retriever.rerank.errors import BudgetError
from retriever.rerank.policies import overlapping_blocks, sliding_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retriever.rerank.protocols import RankingModel
    from retriever.rerank.types import PolicyName, RanPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankOptions:
    """How lists are reranked.

    Attributes:
        policy: ``full`` ranks the list in one call, ``sliding`` in windows one after the
            other, ``blocks`` in overlapping blocks at once; ``auto`` takes ``full`` when the
            model is known to rank such a list and it fits, else ``sliding``. A model that
            was not trained for full lists ranks them worse (arXiv:2412.14574).
        window: passages of a window or block; made smaller when they do not fit.
        step: by how much the window moves.
        passes: sliding passes; each one brings ``window - step`` more places in order.
        replicas: blocks that each passage is in.
        seed: of the blocks.
        passage_tokens: the most of a passage that a model reads.
        least_passage_tokens: shorter passages are not worth ranking; fewer are ranked at a time instead.
        top_only: ask only for the identifiers that the wanted top needs; fewer tokens are written.
        deadline_s: seconds for all calls together; None waits as long as the calls may take.
        on_failure: ``keep`` returns the first-stage order with the status ``failed`` when no call
            gave a ranking, ``raise`` raises.
    """

    policy: PolicyName = "auto"
    window: int = 20
    step: int = 10
    passes: int = 1
    replicas: int = 4
    seed: int = 0
    passage_tokens: int = 256
    least_passage_tokens: int = 24
    top_only: bool = False
    deadline_s: float | None = 120.0
    on_failure: Literal["keep", "raise"] = "keep"

    def __post_init__(self) -> None:
        if not (
            self.window >= 2 and 1 <= self.step < self.window and self.passes >= 1 and self.replicas >= 1
        ):
            raise InvalidInputError(
                "reranking needs window >= 2, 1 <= step < window, passes >= 1 and replicas >= 1, got "
                f"window {self.window}, step {self.step}, passes {self.passes}, replicas {self.replicas}"
            )
        if not 8 <= self.least_passage_tokens <= self.passage_tokens:
            raise InvalidInputError(
                "reranking needs 8 <= least_passage_tokens <= passage_tokens, got "
                f"{self.least_passage_tokens} and {self.passage_tokens}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankPlan:
    """What will be asked.

    Attributes:
        policy: ``full``, ``sliding`` or ``blocks``.
        groups: places ranked together; for ``sliding`` in the order of the calls.
        passage_tokens: the most that a passage may take.
        wanted: identifiers asked for in a call, at most the size of the group.
    """

    policy: RanPolicy
    groups: tuple[tuple[int, ...], ...]
    passage_tokens: int
    wanted: int


def plan_rerank(
    query: str, sizes: Sequence[int], model: RankingModel, options: RerankOptions, *, top: int
) -> RerankPlan:
    """Plan the calls for passages of ``sizes`` tokens, of which the best ``top`` are wanted.

    Raises:
        BudgetError: not even two of the shortest passages fit, or the whole list does
            not and the policy is ``full``.
    """
    size = len(sizes)
    if options.policy in ("full", "auto") and (options.policy == "full" or size <= model.list_limit):
        wanted = top if options.top_only else size
        limit = _passage_limit(query, sizes, size, wanted, model, options)
        if limit is not None:
            return RerankPlan(policy="full", groups=_whole(size), passage_tokens=limit, wanted=max(1, wanted))
        if options.policy == "full":
            raise _too_long(query, size, model, options)
    return _windowed(query, sizes, model, options, top)


def _windowed(
    query: str, sizes: Sequence[int], model: RankingModel, options: RerankOptions, top: int
) -> RerankPlan:
    window = min(options.window, len(sizes))
    while window >= 2 or window == len(sizes):
        step = max(1, min(options.step, window // 2)) if window < options.window else options.step
        wanted = min(window, max(top, window - step)) if options.top_only else window
        limit = _passage_limit(query, sizes, window, wanted, model, options)
        if limit is None:
            window //= 2
            continue
        policy: RanPolicy = "blocks" if options.policy == "blocks" else "sliding"
        groups = _groups(len(sizes), policy, max(2, window), step, options)
        return RerankPlan(policy=policy, groups=groups, passage_tokens=limit, wanted=max(1, wanted))
    raise _too_long(query, min(2, len(sizes)), model, options)


def _groups(
    size: int, policy: RanPolicy, window: int, step: int, options: RerankOptions
) -> tuple[tuple[int, ...], ...]:
    if policy == "blocks":
        return tuple(overlapping_blocks(size, block=window, replicas=options.replicas, seed=options.seed))
    windows = sliding_windows(size, window=window, step=min(step, window))
    return tuple(tuple(places) for _ in range(options.passes) for places in windows)


def _whole(size: int) -> tuple[tuple[int, ...], ...]:
    return (tuple(range(size)),) if size else ()


def _passage_limit(
    query: str, sizes: Sequence[int], together: int, wanted: int, model: RankingModel, options: RerankOptions
) -> int | None:
    """Return the length at which any ``together`` passages fit; None when it is too short to be of use.

    Short passages leave their room to long ones: the limit is the highest level at
    which the longest ``together`` passages, cut to it, fill the room.
    """
    room = model.room(query, size=together, wanted=wanted)
    longest = sorted(sizes, reverse=True)[:together]
    left, short_of = room, len(longest)
    limit = options.passage_tokens
    for size in reversed(longest):
        if size * short_of > left:
            limit = min(limit, left // short_of)
            break
        left -= size
        short_of -= 1
    needed = min(options.least_passage_tokens, max(longest, default=0))
    return limit if room >= 0 and limit >= needed else None


def _too_long(query: str, size: int, model: RankingModel, options: RerankOptions) -> BudgetError:
    room = model.room(query, size=size, wanted=size)
    return BudgetError(
        f"{size} passages of at least {options.least_passage_tokens} tokens do not fit {model.name}: the "
        f"prompt and the answer leave {max(0, room)} tokens for them; shorten the query, rank fewer at a "
        "time (policy 'sliding') or use a model with a longer context",
        passages=size,
        room=room,
    )
