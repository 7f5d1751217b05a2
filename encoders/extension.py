"""Read more tokens than a model was trained on: positions as pure arithmetic.

Two families. A model with a table of learned positions (BERT, XLM-R, MPNet)
can reuse its rows (``gp``, ``rp``) or interpolate them (``pi``). A model that
rotates queries and keys (RoPE) can squeeze its positions (``linear``), slow its
rotations (``ntk``, ``yarn``) or group far positions (``selfextend``). ``pcw``
reads windows and averages them, on any model.

Every method is decided per text: a text of at most the original length keeps
its original positions, and with them its original vector.

Source: Zhu et al. 2024, "LongEmbed", arXiv:2404.12096; Peng et al. 2023,
"YaRN", arXiv:2309.00071; Jin et al. 2024, "SelfExtend", arXiv:2401.01325.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import numpy as np

from encoders.errors import InvalidInputError

if TYPE_CHECKING:
    from encoders.types import FloatArray, IntArray

Method: TypeAlias = Literal["pi", "gp", "rp", "pcw", "linear", "ntk", "yarn", "selfextend"]
PositionKind: TypeAlias = Literal["table", "rotary", "other"]

METHODS: Final[tuple[Method, ...]] = get_args(Method)
MAX_FACTOR: Final = 8
"""Published results end at eight times the original length."""

_FITS: Final[dict[PositionKind, frozenset[str]]] = {
    "table": frozenset({"pi", "gp", "rp", "pcw"}),
    "rotary": frozenset({"linear", "gp", "ntk", "yarn", "selfextend", "pcw"}),
    "other": frozenset({"pcw"}),
}
_NTK_LAMBDA: Final = {2: 3.0, 4: 5.0, 8: 10.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A method, how far it reaches and from where.

    Attributes:
        method: which positions a text over ``original`` tokens gets.
        target: the longest input, special tokens included.
        original: the longest input of the unchanged model.
    """

    method: Method
    target: int
    original: int

    @property
    def factor(self) -> int:
        """Return how many times the original length the target is, rounded up."""
        return -(-self.target // self.original)

    @property
    def lambda_(self) -> float:
        """Return the factor on the base of the rotations, slightly above `factor`."""
        return _NTK_LAMBDA.get(self.factor, 1.25 * self.factor)

    @property
    def group(self) -> int:
        """Return how many far positions SelfExtend makes one."""
        return self.factor + 1

    @property
    def neighbours(self) -> int:
        """Return the distance below which SelfExtend keeps exact positions."""
        return max(self.original // self.factor, 1)


def parse_extension(spec: str, *, kind: PositionKind, original: int) -> Extension:
    """Read ``method:target``, such as ``pi:4096``.

    Raises:
        InvalidInputError: unknown method, one that this kind of model cannot do, or a
            target that is not above ``original`` or is beyond what the method can give.
    """
    name, _, number = spec.partition(":")
    method = next((known for known in METHODS if known == name), None)
    if method is None or not number.isdecimal():
        raise InvalidInputError(
            f"extend must be METHOD:TOKENS with a method of {', '.join(METHODS)}; got {spec!r}", extend=spec
        )
    extension = Extension(method=method, target=int(number), original=original)
    if method not in _FITS[kind]:
        raise InvalidInputError(
            f"{method} does not fit a model with {_POSITIONS[kind]}; "
            f"use one of {', '.join(sorted(_FITS[kind]))}",
            extend=spec,
            positions=kind,
        )
    _require_reachable(extension, spec)
    return extension


_POSITIONS: Final[dict[PositionKind, str]] = {
    "table": "a table of learned positions",
    "rotary": "rotary positions",
    "other": "positions of another kind",
}


def _require_reachable(extension: Extension, spec: str) -> None:
    target, original = extension.target, extension.original
    if target <= original:
        raise InvalidInputError(
            f"the model reads {original} tokens already; extend to more than that or leave extend out",
            extend=spec,
            original=original,
        )
    if extension.method != "pcw" and target > MAX_FACTOR * original:
        raise InvalidInputError(
            f"{extension.method} reaches {MAX_FACTOR} times {original} tokens = {MAX_FACTOR * original}, "
            f"not {target}; choose a smaller target or pcw",
            extend=spec,
            limit=MAX_FACTOR * original,
        )


def position_ids(extension: Extension | None, tokens: int) -> IntArray | FloatArray:
    """Return the position of each of ``tokens`` tokens, special tokens included.

    ``pi`` counts in rows of the lengthened table; ``linear`` gives fractions.

    Returns:
        ``(tokens,)`` int64, float32 for ``linear`` on a long text.
    """
    plain = np.arange(tokens, dtype=np.int64)
    if extension is None:
        return plain
    if tokens <= extension.original:
        return plain * extension.factor if extension.method == "pi" else plain
    if extension.method == "gp":
        return plain // extension.factor
    if extension.method == "rp":
        return plain % extension.original
    if extension.method == "linear":
        return (plain / extension.factor).astype(np.float32)
    return plain


def interpolated_table(table: FloatArray, *, factor: int) -> FloatArray:
    """Put ``factor - 1`` interpolated rows after each row of a position table (PI).

    Row ``i * factor`` is the original row ``i``; what follows the last original
    row repeats it, because the paper defines nothing there.

    Args:
        table: ``(rows, width)`` float32.
        factor: how many times longer the result is.

    Returns:
        ``(rows * factor, width)`` float32.

    Source:
        Zhu et al. 2024, arXiv:2404.12096, section 4.
    """
    rows = len(table)
    place = np.arange(rows * factor)
    low = place // factor
    high = np.minimum(low + 1, rows - 1)
    share = ((place % factor) / np.float32(factor)).astype(np.float32)[:, None]
    mixed: FloatArray = table[low] * (1 - share) + table[high] * share
    return mixed


def ntk_frequencies(frequencies: FloatArray, *, lambda_: float) -> FloatArray:
    """Slow the rotations as if the base were ``lambda_`` times larger.

    Args:
        frequencies: ``(pairs,)``, ``base ** (-2 j / d)`` with ``d = 2 * pairs``.
        lambda_: factor on the base.
    """
    exponents = np.arange(len(frequencies), dtype=np.float64) / len(frequencies)
    return (frequencies * lambda_**-exponents).astype(np.float32)


def yarn_frequencies(
    frequencies: FloatArray, *, factor: float, original: int, fast: float = 32.0, slow: float = 1.0
) -> tuple[FloatArray, float]:
    """Slow the rotations that do not come round within the original length.

    Args:
        frequencies: ``(pairs,)`` of the unchanged model.
        factor: target over original length.
        original: the original length in tokens.
        fast: rotations within ``original`` from which a frequency stays as it is.
        slow: rotations below which it is divided by ``factor``.

    Returns:
        the frequencies, and what multiplies cosine and sine, ``0.1 ln(factor) + 1``.

    Source:
        Peng et al. 2023, "YaRN", arXiv:2309.00071, section 3.
    """
    pairs = len(frequencies)
    base = float(frequencies[1]) ** (-float(pairs)) if pairs > 1 else 10000.0

    def pair_of(rotations: float) -> float:
        return pairs * math.log(original / (rotations * 2 * math.pi)) / math.log(base)

    low, high = max(math.floor(pair_of(fast)), 0), min(math.ceil(pair_of(slow)), 2 * pairs - 1)
    ramp = np.clip((np.arange(pairs) - low) / max(high - low, 0.001), 0.0, 1.0)
    mixed = frequencies / factor * ramp + frequencies * (1.0 - ramp)
    return mixed.astype(np.float32), 0.1 * math.log(factor) + 1.0


def query_scale(tokens: int, *, original: int) -> float:
    """Return LongEmbed's factor on the queries of a text: ``max(1, ln tokens / ln original)``."""
    return max(1.0, math.log(max(tokens, 1)) / math.log(original))
