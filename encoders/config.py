"""What a caller may choose about an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from encoders.errors import InvalidInputError
from encoders.inputs import require_prompts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from encoders.types import TextKind

Overflow: TypeAlias = Literal["split", "error", "truncate"]
"""What happens to a text over `max_tokens`: averaged over windows, refused, or cut and reported."""

DtypeName: TypeAlias = Literal["auto", "float32", "bfloat16"]

PoolingName: TypeAlias = Literal["mean", "cls", "max", "last", "weighted_mean", "mean_sqrt"]

ForwardName: TypeAlias = Literal["auto", "packed", "padded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Choices that are the caller's; None leaves the choice to the model's own files.

    Attributes:
        extend: a longer context, ``method:target`` such as ``pi:4096``; see `encoders.extension`.
        temperature: divides every attention score (TempScale); below 1 sharpens, 1 changes nothing.
        query_scaling: multiply the scores of texts over the original length (LongEmbed).
        dtype: number format of the weights; ``auto`` takes bfloat16 where the processor computes in it.
        device: ``auto`` takes CUDA, then MPS, then the CPU.
        max_tokens: the longest input in one pass, special tokens included.
        dim: keep the first ``dim`` numbers of a vector (Matryoshka), then normalise.
        pooling: tokens to one vector.
        prompts: text before every query or document.
        overflow: what happens to longer texts.
        batch_tokens: tokens in one forward.
        threads: threads of the CPU; None counts the cores this process may use.
        forward: ``packed`` without padding, ``padded``, or whichever the model supports.
        self_check: refuse a model whose vectors are broken.
    """

    extend: str | None = None
    temperature: float = 1.0
    query_scaling: bool = False
    dtype: DtypeName = "auto"
    device: str = "auto"
    max_tokens: int | None = None
    dim: int | None = None
    pooling: PoolingName | None = None
    prompts: Mapping[TextKind, str] | None = None
    overflow: Overflow = "split"
    batch_tokens: int | None = None
    threads: int | None = None
    forward: ForwardName = "auto"
    self_check: bool = True

    def __post_init__(self) -> None:
        temperature: object = self.temperature
        if not isinstance(temperature, Real) or not 0.0 < float(temperature) < float("inf"):
            raise InvalidInputError(
                f"temperature must be a positive number, got {temperature!r}", temperature=str(temperature)
            )
        for name in ("max_tokens", "dim", "batch_tokens", "threads"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, Integral) or value < 1
            ):
                raise InvalidInputError(
                    f"{name} must be a whole number of at least 1, got {value!r}", **{name: str(value)}
                )
        extend: object = self.extend
        if extend is not None and not isinstance(extend, str):
            raise InvalidInputError(f"extend must be METHOD:TOKENS such as 'pi:4096', got {extend!r}")
        if self.prompts is not None:
            require_prompts(self.prompts)
        _require_choice("overflow", self.overflow, ("split", "error", "truncate"))
        _require_choice("dtype", self.dtype, ("auto", "float32", "bfloat16"))
        if self.pooling is not None:
            _require_choice("pooling", self.pooling, get_args(PoolingName))
        _require_choice("forward", self.forward, ("auto", "packed", "padded"))


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInputError(f"{name} must be one of {', '.join(choices)}; got {value!r}", **{name: value})
