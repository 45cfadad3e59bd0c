"""How long one picture takes, from the frame to the result, said beside the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

PICTURES = 16
WARM_UP, FEWEST_CALLS, MOST_CALLS = 3, 5, 64
BUDGET_S = 2.0


@dataclass(frozen=True)
class Speed:
    """Milliseconds of a whole call: fitting, network, decoding and suppression.

    Attributes:
        median_ms: Half of the calls took no longer.
        p95_ms: Nineteen of twenty took no longer.
        calls: That were timed.
        threads: CPU threads that the network may use.
    """

    median_ms: float
    p95_ms: float
    calls: int
    threads: int

    def to_json(self) -> dict[str, float | int]:
        """The four numbers."""
        return {
            "median_ms": round(self.median_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
            "calls": self.calls,
            "threads": self.threads,
        }

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return (
            f"{self.median_ms:.1f} ms a picture, the whole call on {threads} "
            f"(median of {self.calls} calls; 95 % took up to {self.p95_ms:.1f} ms)"
        )


def measure_speed(
    recognize: Callable[[NDArray[np.uint8]], object],
    frames: Sequence[NDArray[np.uint8]],
    *,
    threads: int,
) -> Speed:
    """Time calls with one picture each, in turn, for about two seconds.

    Args:
        recognize: From a frame to its result.
        frames: At least one; a few of different sizes, as the robot will see them.
        threads: That `recognize` may use, to be said beside the time.
    """
    # The first calls allocate memory and choose kernels.
    for number in range(WARM_UP):
        recognize(frames[number % len(frames)])
    seconds: list[float] = []
    while len(seconds) < FEWEST_CALLS or (len(seconds) < MOST_CALLS and sum(seconds) < BUDGET_S):
        frame = frames[len(seconds) % len(frames)]
        started_s = perf_counter()
        recognize(frame)
        seconds.append(perf_counter() - started_s)
    milliseconds = 1000 * np.array(seconds)
    return Speed(
        float(np.median(milliseconds)),
        float(np.percentile(milliseconds, 95)),
        calls=len(seconds),
        threads=threads,
    )


def some_of(count: int) -> list[int]:
    """Indices of a few pictures, spread over a set of so many.

    Example:
        >>> some_of(3)
        [0, 1, 2]
    """
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, PICTURES))})
