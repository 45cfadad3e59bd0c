"""Seeds that follow from numbers, and the global random states: set, saved, left untouched."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def mixed(*numbers: int) -> int:
    """A seed from several numbers, such as seed, purpose and iteration: near ones share nothing.

    SplitMix64's finaliser (Steele, Lea and Flood 2014) over the running value and each number.

    Returns:
        0 to 2³² - 1, which is as much as PyTorch's generator on the CPU takes in.
    """
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 32


def seed_torch(seed: int) -> None:
    """Set torch's global generators: what Dropout draws then follows from the seed alone.

    As `torch.manual_seed`, in a tenth of its time, since it is called in every iteration.
    """
    torch.default_generator.manual_seed(seed)
    if _has_cuda():
        torch.cuda.manual_seed(seed)


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
