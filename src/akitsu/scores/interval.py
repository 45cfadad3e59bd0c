"""A score and how far to trust it: the bootstrap over pictures (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
COVERAGE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval.

    Attributes:
        value: The score over all pictures; NaN where it is not defined.
        low: Lower end of the interval, never above `value`.
        high: Upper end, never below `value`.
        n: Pictures that were resampled.
    """

    value: float
    low: float
    high: float
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        """The four numbers; None stands for NaN, which JSON does not know."""
        document = {"value": self.value, "low": self.low, "high": self.high}
        return {k: None if np.isnan(v) else v for k, v in document.items()} | {"n": self.n}

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "–"
        return f"{self.value:.2%} ({100 * self.low:.2f}–{100 * self.high:.2f})".replace("%", " %")


@overload
def bootstrap(
    statistic: Callable[[Weights], float], n: int, *, rounds: int = ..., seed: int = ...
) -> Estimate: ...
@overload
def bootstrap(
    statistic: Callable[[Weights], dict[str, float]], n: int, *, rounds: int = ..., seed: int = ...
) -> dict[str, Estimate]: ...
def bootstrap(
    statistic: Callable[[Weights], float] | Callable[[Weights], dict[str, float]],
    n: int,
    *,
    rounds: int = 1000,
    seed: int = 0,
) -> Estimate | dict[str, Estimate]:
    """The 95 % interval of a statistic of n pictures: percentiles of draws, corrected for bias.

    Drawing n pictures with replacement is the same as giving each picture a whole-numbered weight,
    so a statistic that is made of sums over pictures costs one product `weights @ sums` a round.

    Average precision of few boxes is too high, and that of a draw, which holds fewer different
    ones, is higher still. The mean of the draws shows by how much; as each of the two steps, from
    the world to the pictures and from the pictures to a draw, adds about as much, the percentiles
    are moved back twice (docs/decisions/0002). For a plain mean nothing moves.

    Args:
        statistic: From weights (n,), which sum to n, to one number or to several by name. Ones
            stand for the pictures as they are. NaN says "not defined for this draw".
        n: Pictures; 0 gives NaN.
        rounds: Draws; 1000 steady the ends of the interval to about a tenth of its width.
        seed: The same seed draws the same pictures.

    Returns:
        One estimate, or one for each name. The interval is widened where it would not hold the
        value itself, and cut at 0 and at 1 if no draw lies beyond.

    Example:
        >>> right = np.array([1.0, 1.0, 0.0, 1.0])
        >>> print(bootstrap(lambda weights: float(weights @ right) / 4, 4))
        75.00 % (25.00–100.00)
    """
    value = statistic(np.ones(n))
    drawn = [statistic(weights) for weights in draws(n, rounds=rounds, seed=seed)]
    if not isinstance(value, dict):
        return estimate(value, np.array(drawn, dtype=np.float64), n)
    return {
        name: estimate(
            number, np.array([draw[name] for draw in drawn if isinstance(draw, dict)]), n
        )
        for name, number in value.items()
    }


def draws(n: int, *, rounds: int, seed: int) -> Iterator[Weights]:
    """(n,) weights of the pictures, round by round as in `bootstrap`; no round where n is 0."""
    rng = np.random.default_rng(seed)
    return (_draw(rng, n) for _ in range(rounds if n else 0))


def _draw(rng: np.random.Generator, n: int) -> Weights:
    # Counting n drawn indices is the multinomial of n equal chances, ten times faster than asking
    # for it by name.
    return np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def estimate(value: float, drawn: NDArray[np.float64], n: int) -> Estimate:
    """The interval of a value from what it came to in each round, as `bootstrap` says.

    Args:
        value: Over all pictures as they are.
        drawn: (R,) in each round; NaN for "not defined".
        n: Pictures.
    """
    value = float(value)
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(drawn):
        return Estimate(value, value, value, n)
    ends = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    low, high = ends - 2 * _bias(drawn, value)
    low = max(low, 0.0) if drawn.min() >= 0 else low
    high = min(high, 1.0) if drawn.max() <= 1 else high
    return Estimate(value, min(float(low), value), max(float(high), value), n)


def _bias(drawn: NDArray[np.float64], value: float) -> float:
    """How far the draws lie above the value on average; 0 if luck alone may have done it."""
    bias, luck = float(drawn.mean()) - value, float(drawn.std()) / np.sqrt(len(drawn))
    return bias if abs(bias) > 3 * luck else 0.0
