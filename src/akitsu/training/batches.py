"""Where batches come from: shuffled epochs whose place, order and chance can all be saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from akitsu.errors import DataError, TrainingError

# Whatever the data side makes and the loss reads: training hands it on and never looks inside.
Batch = Any


class Batches(Protocol):
    """An endless iterator over batches that knows where in which epoch it stands."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches in one epoch, at least 1."""
        ...

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        ...

    @property
    def epoch_detail(self) -> float:
        """The same with the part of the running epoch: 2.5 is half-way through the third."""
        ...

    @property
    def is_new_epoch(self) -> bool:
        """Whether the newest batch was the last of its epoch."""
        ...

    def __next__(self) -> Batch: ...

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to give the same batches again from here on."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken."""
        ...


class ShuffledBatches:
    """Every picture once an epoch, in an order drawn anew for each.

    Args:
        n: Pictures in the set.
        batch_size: Pictures in a batch; a set smaller than that is one batch.
        seed: Seed of the order and of the augmentation.
        fetch: Makes a batch of (B,) int64 indices; what is random in it comes from the generator.
        drop_last: Leave out the rest that does not fill a batch (another rest in each epoch).

    Raises:
        DataError: If there are no pictures.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        seed: int,
        fetch: Callable[[Tensor, torch.Generator], Batch],
        drop_last: bool = True,
    ) -> None:
        if n < 1:
            raise DataError("there is no picture to train on", do="check data and its split")
        self.n, self.batch_size, self.fetch = n, min(batch_size, n), fetch
        whole, rest = divmod(n, self.batch_size)
        self.batches_per_epoch = whole if drop_last or not rest else whole + 1
        self.iteration = 0
        # Two generators: another augmentation leaves the order of the pictures as it was.
        self._order = torch.Generator().manual_seed(seed)
        self._augmentation = torch.Generator().manual_seed(seed + 1)
        self._permutation = torch.empty(0, dtype=torch.int64)

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.iteration // self.batches_per_epoch

    @property
    def epoch_detail(self) -> float:
        """The same with the part of the running epoch."""
        return self.iteration / self.batches_per_epoch

    @property
    def is_new_epoch(self) -> bool:
        """Whether the newest batch was the last of its epoch."""
        return self.iteration > 0 and self.iteration % self.batches_per_epoch == 0

    def __iter__(self) -> ShuffledBatches:
        return self

    def __next__(self) -> Batch:
        place = self.iteration % self.batches_per_epoch
        if place == 0:
            self._permutation = torch.randperm(self.n, generator=self._order)
        first = place * self.batch_size
        batch = self.fetch(self._permutation[first : first + self.batch_size], self._augmentation)
        self.iteration += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Place, order of the running epoch, and both generators."""
        return {
            "iteration": self.iteration,
            "batch_size": self.batch_size,
            "n": self.n,
            "permutation": self._permutation,
            "order": self._order.get_state(),
            "augmentation": self._augmentation.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            TrainingError: If the set or the batches have another size than they had then.
        """
        for name, now in (("n", self.n), ("batch_size", self.batch_size)):
            if state[name] != now:
                raise TrainingError(
                    f"the snapshot was taken with {name} = {state[name]}, and now it is {now}",
                    do="train on the same data with the same recipe, or choose another --out",
                )
        self.iteration = state["iteration"]
        self._permutation = state["permutation"]
        self._order.set_state(state["order"])
        self._augmentation.set_state(state["augmentation"])
