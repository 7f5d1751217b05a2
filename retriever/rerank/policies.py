"""Which passages are ranked together: all at once, in sliding windows, or in overlapping blocks."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Cost:
    """What a policy asks of a model: ``slots`` counts a passage once for each call that reads it."""

    calls: int
    slots: int


def sliding_windows(size: int, *, window: int, step: int) -> list[range]:
    """Return windows over ``range(size)`` from the tail to the head, to be ranked one after the other.

    One pass brings the best ``window - step`` of the list to its head in order, as
    far as the model is right; what follows is only partly sorted. There are
    ``ceil((size - window) / step) + 1`` windows, 1 when the list fits one, none for
    an empty list.

    Raises:
        InvalidInputError: not ``1 <= step <= window``.

    Source:
        Sun et al. 2023, "Is ChatGPT Good at Search?", arXiv:2304.09542.
    """
    if not 1 <= step <= window:
        raise InvalidInputError(
            f"a sliding window needs 1 <= step <= window, got step {step} and window {window}",
            step=step,
            window=window,
        )
    if size <= window:
        return [range(size)] if size else []
    starts = range(size - window, -step, -step)
    return [range(max(0, start), start + window) for start in starts]


def overlapping_blocks(size: int, *, block: int, replicas: int, seed: int) -> list[tuple[int, ...]]:
    """Cut shuffled copies of ``range(size)`` into blocks, to be ranked all at once.

    The first copy is dealt out like cards, so that every block reaches from the top
    of the first-stage order to its end; the others are shuffled. Blocks of a copy
    differ by at most one passage. Each block lists its passages in first-stage order.

    Args:
        size: passages.
        block: most passages of a block, at least 2.
        replicas: copies; each passage is in so many blocks.
        seed: of the shuffles.

    Source:
        The design "EquiReplicate" of JointRank, arXiv:2506.22262, with equal blocks.
    """
    if block < 2 or replicas < 1:
        raise InvalidInputError(
            f"blocks need block >= 2 and replicas >= 1, got {block} and {replicas}",
            block=block,
            replicas=replicas,
        )
    if size <= block:
        return [tuple(range(size))] if size else []
    count = -(-size // block)
    random = Random(seed)
    blocks: list[tuple[int, ...]] = []
    places = list(range(size))
    for copy in range(replicas):
        if copy:
            random.shuffle(places)
        blocks += [tuple(sorted(places[first::count])) for first in range(count)]
    return blocks


def aggregate_blocks(orders: Sequence[Sequence[int]], size: int) -> tuple[int, ...]:
    """Join the orders of blocks into one: best first by strength, ties in first-stage order.

    Strengths are those of a Bradley-Terry model of who stands before whom, with one
    half-weight tie of every passage against a virtual average one; they do not
    depend on how strong the neighbours in a passage's blocks happen to be, which a
    plain rate of wins does. A passage of no order is average.

    Args:
        orders: places in ``range(size)``, best first, without those that no model ranked.
        size: passages.

    Source:
        Hunter 2004, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32(1).
    """
    wins: npt.NDArray[np.float64] = np.zeros((size, size))
    for order in orders:
        for place, winner in enumerate(order):
            wins[winner, list(order[place + 1 :])] += 1
    strengths = _strengths(wins)
    return tuple(int(place) for place in np.lexsort((np.arange(size), -strengths.round(9))))


def _strengths(wins: npt.NDArray[np.float64], rounds: int = 200) -> npt.NDArray[np.float64]:
    """Fit log strengths ``(n,)`` to ``wins[i, j]``, how often i stands before j."""
    meetings = wins + wins.T
    won = wins.sum(axis=1) + 0.5
    strength = np.ones(len(wins))
    for _ in range(rounds):
        against = (meetings / (strength[:, None] + strength[None, :])).sum(axis=1)
        strength = won / (against + 1 / (strength + 1))
    logs: npt.NDArray[np.float64] = np.log(strength)
    return logs


def full_cost(size: int) -> Cost:
    """Count what ranking the whole list in one call takes."""
    return Cost(min(size, 1), size)


def sliding_cost(size: int, *, window: int, step: int) -> Cost:
    """Count what one pass of sliding windows takes."""
    windows = sliding_windows(size, window=window, step=step)
    return Cost(len(windows), sum(map(len, windows)))


def blocks_cost(size: int, *, block: int, replicas: int) -> Cost:
    """Count what overlapping blocks take."""
    blocks = overlapping_blocks(size, block=block, replicas=replicas, seed=0)
    return Cost(len(blocks), sum(map(len, blocks)))
