"""Worker processes that fetch batches ahead of the loop, with the loader of PyTorch."""

from __future__ import annotations

import atexit
import os
import signal
import warnings
from collections.abc import Callable, Generator, Iterable
from typing import Any
from weakref import WeakSet

import torch
from torch.utils.data import DataLoader, Dataset

from akitsu.errors import AkitsuError, TrainingError
from akitsu.runtime import threads

# Batches that each worker holds ready.
AHEAD = 2
_fetching: WeakSet[Generator[Any, None, None]] = WeakSet()


def fetched_by_workers(
    fetch: Callable[[Any], Any], plans: Iterable[Any], *, workers: int
) -> Generator[Any, None, None]:
    """The batches of `plans`, in their order, each made in one of the worker processes.

    The workers end with the plans, with an error, when the generator is closed or thrown away, and
    with the program.

    Args:
        fetch: Makes a batch of a plan; where processes are spawned and not forked (macOS), it has
            to be a function or an object that can be pickled.
        plans: What to fetch; may be endless.
        workers: Processes, at least 1; each computes with one thread.

    Raises:
        AkitsuError: What `fetch` raised, as it raised it.
        TrainingError: If a worker died.
    """
    fetched = _fetched(fetch, plans, workers=workers)
    _fetching.add(fetched)
    return fetched


def _fetched(
    fetch: Callable[[Any], Any], plans: Iterable[Any], *, workers: int
) -> Generator[Any, None, None]:
    with warnings.catch_warnings(action="ignore"):  # more workers than cores may be meant
        batches = iter(_loader(fetch, plans, workers=workers))
    try:
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            if isinstance(batch, AkitsuError):
                raise batch
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainingError(
            "a worker process was killed while it fetched pictures",
            do="start the same command again, it goes on from its newest snapshot; if memory "
            "is short, with a smaller engine.workers",
        ) from error
    finally:
        # Now, and not when the last reference goes: the traceback of an error holds on to one. The
        # loader has no public way to say it.
        batches._shutdown_workers()  # type: ignore[attr-defined]


@atexit.register
def _close_all() -> None:
    """End all workers before Python does: it sends SIGTERM, which they ignore, and waits."""
    for fetched in list(_fetching):
        fetched.close()


def _loader(fetch: Callable[[Any], Any], plans: Iterable[Any], *, workers: int) -> DataLoader[Any]:
    return DataLoader(
        _Fetching(fetch),
        sampler=plans,
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=AHEAD,
        worker_init_fn=_keep_quiet,
        # Its own: the loader would draw its base seed from the global state.
        generator=torch.Generator(),
    )


class _Fetching(Dataset[Any]):
    """The loader's view of it: a plan is an index."""

    def __init__(self, fetch: Callable[[Any], Any]) -> None:
        self._fetch = fetch

    def __getitem__(self, plan: Any) -> Any:
        try:
            return self._fetch(plan)
        except AkitsuError as error:
            return error  # raised here, the loader would wrap it in a RuntimeError with a traceback


def _as_it_is(batch: Any) -> Any:
    return batch


def _keep_quiet(worker: int) -> None:  # noqa: ARG001
    """Ctrl-C reaches every process of a terminal; the loop still needs this one's batches."""
    os.environ[threads.VARIABLE] = "1"  # each is one of several
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
