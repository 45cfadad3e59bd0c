"""What a run says about itself: values reported from anywhere land in the running observation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

Observation = dict[str, Tensor | float]

# The observation that collects at the moment, and the prefix that its next keys get.
_current: ContextVar[tuple[Observation, str] | None] = ContextVar("observation", default=None)


@contextmanager
def observing(observation: Observation) -> Iterator[None]:
    """Collect in `observation` all that is reported inside the block."""
    token = _current.set((observation, ""))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Put `name/` before all keys that are reported inside the block; scopes nest."""
    collecting = _current.get()
    if collecting is None:
        yield
        return
    observation, prefix = collecting
    token = _current.set((observation, f"{prefix}{name}/"))
    try:
        yield
    finally:
        _current.reset(token)


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
    """The mean of each key over the observations in which it occurred."""

    def __init__(self) -> None:
        self._totals: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, observation: Observation) -> None:
        """Take in one iteration's values; no value is waited for."""
        for key, value in observation.items():
            total = self._totals.get(key)
            if total is None or (isinstance(value, Tensor) and total.device != value.device):
                total = self._totals[key] = _zero_beside(value, total)
            total.add_(value)
            self._counts[key] = self._counts.get(key, 0) + 1

    def means(self) -> dict[str, float]:
        """The means so far, in the order in which the keys came first."""
        return {key: float(total) / self._counts[key] for key, total in self._totals.items()}

    def state_dict(self) -> dict[str, Any]:
        """Sums and counts."""
        return {"totals": dict(self._totals), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the sums of `state_dict`."""
        self._totals = {key: total.clone() for key, total in state["totals"].items()}
        self._counts = dict(state["counts"])


def _zero_beside(value: Tensor | float, total: Tensor | None) -> Tensor:
    """A sum on the value's device: new, or the old one moved (a snapshot is read to the CPU)."""
    device = value.device if isinstance(value, Tensor) else torch.device("cpu")
    # A million float32 losses lose digits in a float32 sum; Apple's GPUs have no float64.
    dtype = torch.float32 if device.type == "mps" else torch.float64
    if total is None:
        return torch.zeros((), dtype=dtype, device=device)
    return total.to(device, dtype)
