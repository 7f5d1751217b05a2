"""Token ids in, hidden states out: without padding where the model allows it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from encoders.errors import ModelError
from encoders.extension import Extension, position_ids
from encoders.processor import local_flags
from encoders.torch_attention import Group, Packing, packing
from encoders.torch_compiled import compiled
from encoders.torch_products import SHORTEST, Texts, products_pay
from encoders.torch_rotary import long_tokens, rotations_of
from encoders.torch_threads import threads_for
from encoders.torch_varlen import attends_at_once, bounds_of, to_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextvars import ContextVar

    from numpy.typing import NDArray

    from encoders.torch_model import TransformerModel
    from encoders.types import IntArray

_T = TypeVar("_T")

HiddenStates: TypeAlias = "Iterator[tuple[list[int], Tensor]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionOptions:
    """What changes attention scores or positions.

    Attributes:
        temperature: divides every score (TempScale).
        query_scaling: multiply the scores of long texts (LongEmbed).
        extension: which positions long texts get.
    """

    temperature: float = 1.0
    query_scaling: bool = False
    extension: Extension | None = None


class Forward(Protocol):
    """Runs a transformer over texts of token ids."""

    @property
    def note(self) -> str:
        """One sentence that says how it runs."""
        ...

    def __call__(self, rows: Sequence[IntArray]) -> HiddenStates:
        """Run one batch.

        Args:
            rows: token ids of each text, special tokens included, none empty.

        Yields:
            the places in ``rows`` of texts of one length, and their hidden states
            ``(texts, tokens, hidden)``. Every place comes exactly once.
        """
        ...


class PackedForward:
    """All tokens of a batch in one row; attention stays within each text."""

    def __init__(self, model: TransformerModel, options: AttentionOptions) -> None:
        self._model = model
        self._extension = options.extension
        self._packing = packing_for(model, options)
        self._by_products = model.device.type == "cpu" and products_pay(model.dtype, local_flags())
        self._at_once = self._packing.uniform and attends_at_once(model.device, model.dtype)
        self._cut = compiled(cut_row)

    @property
    def note(self) -> str:
        """Say how it runs."""
        return "packed: no padding"

    @torch.inference_mode()
    def __call__(self, rows: Sequence[IntArray]) -> HiddenStates:
        """Run one batch."""
        order = sorted(range(len(rows)), key=lambda place: (len(rows[place]), place))
        groups, places = _groups([len(rows[place]) for place in order], order)
        device = self._model.device
        sizes = [g.tokens for g in groups for _ in range(g.texts)]
        tokens = sum(sizes)
        row = round_row(tokens) if device.type == "cpu" else tokens
        ids = np.zeros(row, dtype=np.int64)
        ids[:tokens] = np.concatenate([rows[place] for place in order])
        own_positions = [position_ids(self._extension, size) for size in sizes]
        positions = np.concatenate([*own_positions, np.zeros(row - tokens, dtype=np.int64)])
        lengths = np.zeros((1, row), dtype=np.int64)
        lengths[0, :tokens] = np.repeat(sizes, sizes)
        inputs = inputs_for(self._model, ids[None], positions[None])
        by_products = self._by_products and tokens >= SHORTEST * len(sizes)
        now = replace(
            self._packing,
            groups=tuple(groups),
            texts=Texts(sizes, row=row) if by_products else None,
            bounds=bounds_of(sizes, device) if self._at_once else None,
        )
        with ExitStack() as stack:
            stack.enter_context(bound(packing, now))
            stack.enter_context(bound(long_tokens, are_long(lengths, self._extension, device)))
            stack.enter_context(threads_for(row))
            hidden = self._model.module(**inputs).last_hidden_state
        yield from zip(places, self._cut(hidden, now.counts), strict=True)


def cut_row(hidden: Tensor, counts: list[int]) -> list[Tensor]:
    """Cut a row ``(1, tokens, hidden)`` into groups ``(texts, tokens, hidden)``; TorchScript compiles it.

    Args:
        hidden: what lies after the last group is left out.
        counts: for each group its texts, and the tokens of each.
    """
    groups: list[Tensor] = []
    start = 0
    for group in range(len(counts) // 2):
        texts, tokens = counts[2 * group], counts[2 * group + 1]
        end = start + texts * tokens
        groups.append(hidden[0, start:end].view(texts, tokens, hidden.size(2)))
        start = end
    return groups


def round_row(tokens: int) -> int:
    """Return the tokens that a row of so many is filled up to: at most seven more, or an eighth.

    To oneDNN every number of tokens is another computation, prepared anew when it is not among
    the last; a question of a new length took a third longer than one of a known length.
    """
    step = max(8, min(64, 1 << max(tokens.bit_length() - 4, 0)))
    return -(-tokens // step) * step


def packing_for(model: TransformerModel, options: AttentionOptions) -> Packing:
    """Return what attention must know, but for the texts of a batch."""
    rotates = options.extension is not None and options.extension.method == "selfextend"
    return Packing(
        groups=(),
        temperature=options.temperature,
        query_scaling_from=model.original if options.query_scaling else None,
        extension=options.extension,
        rotations=rotations_of(model.module) if rotates else None,
    )


def _groups(lengths: Sequence[int], order: Sequence[int]) -> tuple[list[Group], list[list[int]]]:
    groups: list[Group] = []
    places: list[list[int]] = []
    start = 0
    for tokens, run in groupby(zip(lengths, order, strict=True), key=lambda pair: pair[0]):
        own = [place for _, place in run]
        groups.append(Group(start, start + tokens * len(own), tokens))
        places.append(own)
        start += tokens * len(own)
    return groups, places


def inputs_for(model: TransformerModel, ids: IntArray, positions: NDArray[Any]) -> dict[str, Tensor]:
    """Name the inputs, each ``(rows, tokens)``, as the model does, and bring them to it.

    Raises:
        ModelError: the tokenizer gave an id that the model has no row for.
    """
    if (highest := int(ids.max())) >= model.vocabulary:
        raise ModelError(
            f"the tokenizer gave the token id {highest}, and the model has rows for {model.vocabulary} ids; "
            "its tokenizer is another model's, or its table of words was not lengthened",
            id=highest,
            vocabulary=model.vocabulary,
        )
    inputs = {"input_ids": to_device(torch.from_numpy(ids), model.device)}
    if model.takes_positions:
        places = torch.from_numpy(positions + model.position_offset)
        inputs["position_ids"] = to_device(places, model.device)
    if model.token_types:
        inputs["token_type_ids"] = torch.zeros_like(inputs["input_ids"])
    return inputs


def are_long(lengths: IntArray, extension: Extension | None, device: torch.device) -> Tensor:
    """Tell which tokens belong to texts over the original length."""
    limit = extension.original if extension else np.iinfo(np.int64).max
    return to_device(torch.from_numpy(lengths > limit), device)


@contextmanager
def bound(variable: ContextVar[_T], value: _T) -> Iterator[None]:
    """Set a variable for a while."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
