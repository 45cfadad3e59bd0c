"""What a run says about itself: values reported from anywhere land in the running observation."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar, Token
from typing import Any

import torch
from torch import Tensor

Observation = dict[str, Tensor | float]

# Values of a key that are added up together.
ADDED_AT_ONCE = 64

# The observation that collects at the moment, and the prefix that its next keys get.
_current: ContextVar[tuple[Observation, str] | None] = ContextVar("observation", default=None)


class _Collecting:
    """Sets where reports go and takes it back. Twice an iteration: a generator would cost more."""

    __slots__ = ("_place", "_token")

    def __init__(self, place: tuple[Observation, str] | None) -> None:
        self._place = place
        self._token: Token[tuple[Observation, str] | None] | None = None

    def __enter__(self) -> None:
        self._token = _current.set(self._place)

    def __exit__(self, *_: object) -> None:
        assert self._token is not None
        _current.reset(self._token)


def observing(observation: Observation) -> _Collecting:
    """Collect in `observation` all that is reported inside the block."""
    return _Collecting((observation, ""))


def scope(name: str) -> _Collecting:
    """Put `name/` before all keys that are reported inside the block; scopes nest."""
    collecting = _current.get()
    if collecting is None:
        return _Collecting(None)
    observation, prefix = collecting
    return _Collecting((observation, f"{prefix}{name}/"))


def report(values: Mapping[str, Tensor | float]) -> None:
    """Add scalars to the running observation; where none is running, nothing happens.

    A tensor stays a tensor, cut off from its graph: turning it into a number waits for the
    device, and that is done once an interval instead of once a step.

    Example:
        >>> seen: Observation = {}
        >>> with observing(seen), scope("validation"):
        ...     report({"accuracy": 0.75})
        >>> seen
        {'validation/accuracy': 0.75}
    """
    collecting = _current.get()
    if collecting is None:
        return
    observation, prefix = collecting
    for key, value in values.items():
        observation[prefix + key] = value.detach() if isinstance(value, Tensor) else value


class Summary:
    """The mean of each key over the observations in which it occurred.

    Values wait, as they came, until there are enough to be added up at once: that waits for the
    device once, and costs a small training less than an addition an iteration. The sum is in
    float64, where a million float32 losses lose nothing.
    """

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._waiting: dict[str, list[Tensor | float]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, observation: Observation) -> None:
        """Take in one iteration's values; hardly one is waited for."""
        for key, value in observation.items():
            waiting = self._waiting.get(key)
            if waiting is None:
                waiting = self._waiting[key] = []
                self._totals[key], self._counts[key] = 0.0, 0
            waiting.append(value)
            if len(waiting) == ADDED_AT_ONCE:
                self._add_up(key)

    def means(self) -> dict[str, float]:
        """The means so far, in the order in which the keys came first."""
        for key in self._waiting:
            self._add_up(key)
        return {key: total / self._counts[key] for key, total in self._totals.items()}

    def state_dict(self) -> dict[str, Any]:
        """Sums and counts, and what waits: added up now, its sum would round in another way."""
        waiting = {key: _numbers(values).tolist() for key, values in self._waiting.items()}
        return {"totals": dict(self._totals), "counts": dict(self._counts), "waiting": waiting}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the sums of `state_dict`."""
        self._totals, self._counts = dict(state["totals"]), dict(state["counts"])
        self._waiting = {key: list(values) for key, values in state["waiting"].items()}

    def _add_up(self, key: str) -> None:
        waiting = self._waiting[key]
        if waiting:
            self._totals[key] += float(_numbers(waiting).sum())
            self._counts[key] += len(waiting)
            waiting.clear()


def _numbers(values: list[Tensor | float]) -> Tensor:
    """Values of a key as one float64 tensor on the CPU; with one wait for a device, if any."""
    if values and all(isinstance(value, Tensor) for value in values):
        stacked = torch.stack([value for value in values if isinstance(value, Tensor)])
        return stacked.cpu().to(torch.float64)
    return torch.tensor([float(value) for value in values], dtype=torch.float64)
