"""The order of an epoch as a pure function: of the set's size, the seed and the epoch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# Blocks that are mixed with one another: enough that a batch holds pictures of several shards, few
# enough that the system keeps them at hand.
WINDOW = 4


def shuffled(
    n: int, *, seed: int, epoch: int, block: int | None = None, window: int = WINDOW
) -> Tensor:
    """Each of n pictures once, in an order drawn anew for each epoch.

    Args:
        n: Pictures in the set.
        seed: Of the run, from 0.
        epoch: From 0.
        block: Pictures in a shard. The blocks are shuffled, and the pictures within windows of a
            few blocks, so that few shards are in use at a time; None shuffles all at once.
        window: Blocks in a window.

    Returns:
        (n,) int64, a permutation of 0 to n - 1.

    Example:
        >>> sorted(shuffled(5, seed=0, epoch=3, block=2).tolist())
        [0, 1, 2, 3, 4]
    """
    # A sequence hashes both numbers: seed 1 in epoch 0 has nothing to do with seed 0 in epoch 1.
    state = np.random.SeedSequence((seed, epoch))
    generator = torch.Generator().manual_seed(int(state.generate_state(1, np.uint64)[0]))
    if block is None:
        return torch.randperm(n, generator=generator)
    blocks = torch.split(torch.arange(n), max(1, block))
    order = torch.randperm(len(blocks), generator=generator).tolist()
    windows = [
        torch.cat([blocks[number] for number in order[first : first + window]])
        for first in range(0, len(order), window)
    ]
    mixed = [one[torch.randperm(len(one), generator=generator)] for one in windows]
    return torch.cat(mixed) if mixed else torch.arange(0)
