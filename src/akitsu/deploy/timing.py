"""How long calls take, measured in turns, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Call = Callable[[], object]


@dataclass(frozen=True)
class Latency:
    """The seconds of every timed call, in their order."""

    seconds: tuple[float, ...]

    @property
    def best_s(self) -> float:
        """The shortest: what the machine can do when nothing else runs."""
        return min(self.seconds)

    @property
    def median_s(self) -> float:
        """Half of the calls took no longer."""
        return float(np.median(self.seconds))

    @property
    def p95_s(self) -> float:
        """Nineteen of twenty calls took no longer."""
        return float(np.percentile(self.seconds, 95))


def interleaved(
    openers: Mapping[str, Callable[[], Call]],
    *,
    rounds: int = 5,
    warm_up: int = 3,
    most_calls: int = 20,
    budget_s: float = 0.5,
    say: Callable[[str], object] = str,
) -> dict[str, Latency]:
    """Time each of several calls in every round.

    What an opener gives is let go before the next is asked: only one network is in memory at once.

    Args:
        openers: By name, what makes a call ready.
        rounds: How often each has its turn, at least 1.
        warm_up: Calls of a turn that are not timed: the first ones allocate and choose kernels.
        most_calls: Timed calls of a turn; three are made at least.
        budget_s: After so many seconds a turn ends.
        say: Is told whose turn it is.

    Returns:
        By name, in the order of the openers.
    """
    seconds: dict[str, list[float]] = {name: [] for name in openers}
    for number in range(1, rounds + 1):
        for name, opener in openers.items():
            say(f"round {number} of {rounds}: {name}")
            call = opener()
            for _ in range(warm_up):
                call()
            seconds[name] += _turn(call, most_calls=most_calls, budget_s=budget_s)
            del call
            gc.collect()
    return {name: Latency(tuple(each)) for name, each in seconds.items()}


def _turn(call: Call, *, most_calls: int, budget_s: float) -> list[float]:
    taken: list[float] = []
    while len(taken) < most_calls and (len(taken) < 3 or sum(taken) < budget_s):
        started_s = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started_s)
    return taken
