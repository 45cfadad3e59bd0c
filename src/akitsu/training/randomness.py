"""The global random states of torch, NumPy and Python: saved, set again, or left untouched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def random_state() -> dict[str, Any]:
    """All global random states, as numbers, strings, tuples and tensors."""
    name, keys, position, has_gauss, gauss = np.random.get_state(legacy=True)
    numpy_keys = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if _has_cuda() else [],
        "numpy": (str(name), numpy_keys, int(position), int(has_gauss), float(gauss)),
        "python": random.getstate(),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Go back to what `random_state` gave."""
    torch.set_rng_state(state["torch"])
    # A state of another number of GPUs is of no use: such a run is not the same run.
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    name, keys, position, has_gauss, gauss = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, gauss))
    random.setstate(state["python"])


@contextmanager
def untouched_randomness() -> Iterator[None]:
    """Whatever the block draws, the training after it draws as if the block had not been."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)


def _has_cuda() -> bool:
    """Asks whether CUDA is in use, not whether it could be: asking for a state would start it."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]
