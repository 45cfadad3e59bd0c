"""Where batches come from: shuffled epochs in which every draw follows from seed and iteration.

Nothing is drawn from a stream that something else could have moved on: the order of an epoch comes
from (seed, epoch), what is random in a batch from (seed, iteration). So a run resumes at any
iteration, worker processes may make batches in any order, and several processes that share a batch
agree on it, all without telling one another anything.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from akitsu.data.order import shuffled
from akitsu.errors import DataError, RecipeError, TrainingError
from akitsu.training.randomness import mixed
from akitsu.training.workers import fetched_by_workers

# Whatever the data side makes and the loss reads: training hands it on and never looks inside.
Batch = Any

# Plans that are made at once.
STRETCH = 256
# What a seed is for, beside the order of an epoch and the purposes in updater.py and hooks.py: the
# streams are apart, so that another augmentation leaves the order as it was.
AUGMENTATION, SIZE = 1, 4


class Plan(NamedTuple):
    """Which pictures make a batch, before any is read. (A tuple: one is made an iteration.)

    Attributes:
        indices: (B,) int64, the pictures that this process fetches.
        rows: Their place in the whole batch, which several processes may share.
        batch_size: Pictures in the whole batch.
        seed: Of the run.
        iteration: From 0.
    """

    indices: Tensor
    rows: slice
    batch_size: int
    seed: int
    iteration: int

    def generator(self) -> torch.Generator:
        """A new generator, to draw for `batch_size` pictures and then take `rows` of it."""
        seed = mixed(self.seed, AUGMENTATION, self.iteration)
        return torch.Generator().manual_seed(seed)

    def one_of(self, sizes: int, *, every: int) -> int:
        """Which of so many sizes this batch has: the same for `every` iterations, then another."""
        return mixed(self.seed, SIZE, self.iteration // every) % sizes


Fetch = Callable[[Plan], Batch]


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


@dataclass
class _Shuffle:
    """The plans of all iterations, from what they follow from.

    Plans are made for a stretch of iterations at once: between two steps of a small network, the
    few microseconds of cutting one piece from the order are many.
    """

    n: int
    batch_size: int
    batches_per_epoch: int
    seed: int
    share: tuple[int, int]
    block: int | None
    _order: tuple[int, Tensor] | None = None
    _first: int = 0
    _plans: list[Plan] = field(default_factory=list)

    def plan(self, iteration: int) -> Plan:
        place = iteration - self._first
        if not 0 <= place < len(self._plans):
            self._first, self._plans, place = iteration, self._stretch(iteration), 0
        return self._plans[place]

    def _stretch(self, iteration: int) -> list[Plan]:
        """The plans from here on, up to `STRETCH` of them, to the end of the epoch at most."""
        epoch, place = divmod(iteration, self.batches_per_epoch)
        if self._order is None or self._order[0] != epoch:
            order = shuffled(self.n, seed=self.seed, epoch=epoch, block=self.block)
            self._order = epoch, order
        end = min(place + STRETCH, self.batches_per_epoch)
        pieces = self._order[1][place * self.batch_size : end * self.batch_size]
        batches = torch.split(pieces, self.batch_size)
        return [self._of(indices, iteration + i) for i, indices in enumerate(batches)]

    def _of(self, indices: Tensor, iteration: int) -> Plan:
        number, processes = self.share
        whole = len(indices)
        size = whole // processes
        rows = slice(number * size, (number + 1) * size)
        return Plan(indices[rows], rows, whole, self.seed, iteration)


class CountedEpochs:
    """Where in which epoch a source stands, from `iteration` and `batches_per_epoch`."""

    iteration: int
    batches_per_epoch: int

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


class ShuffledBatches(CountedEpochs):
    """Every picture once an epoch, in an order drawn anew for each.

    Args:
        n: Pictures in the set.
        batch_size: Pictures in a batch; a set smaller than that is one batch.
        seed: Seed of the order and of the augmentation.
        fetch: Makes the batch of a plan; what is random in it comes from the plan's generator.
        drop_last: Leave out the rest that does not fill a batch (another rest in each epoch).
        share: Number of this process, and how many share each batch evenly.
        workers: Processes that fetch ahead; 0 fetches in this one. The batches are the same.
        block: Pictures that lie together on the disk, see `akitsu.data.order`; None: none do.

    Raises:
        DataError: If there are no pictures.
        RecipeError: If the batch cannot be shared evenly.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        *,
        seed: int,
        fetch: Fetch,
        drop_last: bool = True,
        share: tuple[int, int] = (0, 1),
        workers: int = 0,
        block: int | None = None,
    ) -> None:
        if n < 1:
            raise DataError("there is no picture to train on", do="check data and its split")
        self.n, self.batch_size, self.seed = n, min(batch_size, n), seed
        self.fetch, self.workers = fetch, workers
        whole, rest = divmod(n, self.batch_size)
        self.batches_per_epoch = whole if drop_last or not rest else whole + 1
        self.iteration = 0
        self._shuffle = _Shuffle(n, self.batch_size, self.batches_per_epoch, seed, share, block)
        self._fetched: Iterator[Batch] | None = None
        self._closing: weakref.finalize[..., ShuffledBatches] | None = None
        _require_even(share[1], sizes=(self.batch_size, 0 if drop_last else rest))

    def __iter__(self) -> ShuffledBatches:
        return self

    def __next__(self) -> Batch:
        if self.workers == 0:
            batch = self.fetch(self._shuffle.plan(self.iteration))
        else:
            batch = next(self._fetched or self._start_workers())
        self.iteration += 1
        return batch

    def plan(self, iteration: int) -> Plan:
        """What the batch of an iteration (from 0) consists of."""
        return self._shuffle.plan(iteration)

    def close(self) -> None:
        """End the worker processes; the next batch would start new ones."""
        if self._closing is not None:
            self._closing()
        self._fetched, self._closing = None, None

    def _start_workers(self) -> Iterator[Batch]:
        plans = map(self._shuffle.plan, count(self.iteration))
        fetched = fetched_by_workers(self.fetch, plans, workers=self.workers)
        # Whoever forgets to close: left to the garbage collector, a loader may lose its queues
        # before it has told its workers to end. At the end of the program workers.py sees to it.
        self._closing = weakref.finalize(self, fetched.close)
        self._closing.atexit = False
        self._fetched = fetched
        return fetched

    def state_dict(self) -> dict[str, Any]:
        """The place, and what it is a place in."""
        return {"iteration": self.iteration, **self._identity()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            TrainingError: If set, batches or seed are not those of then.
        """
        for name, now in self._identity().items():
            if state[name] != now:
                raise TrainingError(
                    f"the snapshot was taken with {name} = {state[name]}, and now it is {now}",
                    do="train on the same data with the same recipe, or choose another --out",
                )
        self.close()
        self.iteration = state["iteration"]

    def _identity(self) -> dict[str, int]:
        return {"n": self.n, "batch_size": self.batch_size, "seed": self.seed}


def _require_even(processes: int, *, sizes: tuple[int, int]) -> None:
    for size in sizes:
        if size % processes:
            raise RecipeError(
                f"{size} pictures in a batch cannot be shared evenly by {processes} processes",
                where="batch_size",
                do=f"make it a multiple of {processes}, and leave out the rest of an epoch",
            )
