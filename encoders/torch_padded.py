"""Texts side by side, filled up to the longest."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from encoders.errors import ModelError
from encoders.extension import position_ids
from encoders.torch_forward import are_long, bound, inputs_for, packing_for
from encoders.torch_registration import PADDED, can_attend, register, score_factors
from encoders.torch_rotary import long_tokens
from encoders.torch_threads import threads_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from encoders.torch_forward import AttentionOptions, HiddenStates
    from encoders.torch_model import TransformerModel
    from encoders.types import IntArray


class PaddedForward:
    """Texts side by side, filled up to the longest: what every transformer can do."""

    def __init__(self, model: TransformerModel, options: AttentionOptions, *, reason: str) -> None:
        if can_attend(model):
            register()
            cast("Any", model.module).set_attn_implementation(PADDED)
        elif options.temperature != 1.0 or options.query_scaling:
            raise ModelError(
                f"{model.architecture} has no attention interface: no temperature, no query scaling",
                architecture=model.architecture,
            )
        if options.extension is not None and options.extension.method == "selfextend":
            raise ModelError("selfextend needs the packed forward", architecture=model.architecture)
        self._model = model
        self._extension = options.extension
        self._reason = reason
        self._packing = packing_for(model, options)

    @property
    def note(self) -> str:
        """Say how it runs and why."""
        return f"padded: {self._reason}"

    @torch.inference_mode()
    def __call__(self, rows: Sequence[IntArray]) -> HiddenStates:
        """Run one batch."""
        lengths = np.array([len(row) for row in rows])
        width = int(lengths.max())
        ids = np.zeros((len(rows), width), dtype=np.int64)
        positions = np.zeros((len(rows), width), dtype=position_ids(self._extension, width).dtype)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = row
            positions[place, : len(row)] = position_ids(self._extension, len(row))
        device = self._model.device
        inputs = inputs_for(self._model, ids, positions)
        mask = torch.from_numpy(np.arange(width) < lengths[:, None]).to(device)
        tokens = np.broadcast_to(lengths[:, None], (len(rows), width))
        factors = np.array([self._packing.scale(1.0, int(size)) for size in lengths], dtype=np.float32)
        with ExitStack() as stack:
            stack.enter_context(bound(score_factors, torch.from_numpy(factors).to(device).view(-1, 1, 1, 1)))
            stack.enter_context(bound(long_tokens, are_long(tokens, self._extension, device)))
            stack.enter_context(threads_for(int(lengths.sum())))
            hidden = self._model.module(**inputs, attention_mask=mask.long()).last_hidden_state
        order = sorted(range(len(rows)), key=lambda place: (len(rows[place]), place))
        for size, own in groupby(order, key=lambda place: len(rows[place])):
            places = list(own)
            yield places, hidden[places, :size]
