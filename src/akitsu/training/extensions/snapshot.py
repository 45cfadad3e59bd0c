"""Saves the whole run, so that it can go on from there."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.finite import require_finite
from akitsu.training.snapshot import state_of, write_snapshot

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


# Seconds of rest for each that the thread works: it takes a fifth of a core from the training.
REST = 4.0


class Snapshot(Extension):
    """Writes `snapshots/<iteration>.pt` in the run's folder, also on Ctrl-C and SIGTERM.

    The training waits only while its state is copied in memory; a thread writes the copy. What
    that thread could not write is an error of the iteration in which that is known.

    Args:
        keep: How many of the newest stay, at least 1; more than one, since the newest may be torn.
    """

    trigger = (1, "epoch")
    priority = Priority.KEEPER
    at_end = True
    everywhere = True  # all give what they know, and their part of sharded weights

    def __init__(self, keep: int = 2) -> None:
        self.keep = keep
        self._thread: ThreadPoolExecutor | None = None
        self._writing: Future[Path] | None = None
        self._state: dict[str, Any] | None = None
        self._hurry = Event()

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Copy the run's state, and have it written.

        Raises:
            OutputError: If the snapshot before could not be written.
            TrainingError: If a weight is not finite: such a state is not worth keeping.
        """
        updater = trainer.updater
        require_finite(updater.model, where=f"{trainer.out}, iteration {updater.iteration}")
        others = trainer.states_of_others()
        if not updater.fabric.is_global_zero and not updater.sharded:
            return
        self._wait()
        self._state = state_of(trainer, self._state, others)
        if not updater.fabric.is_global_zero:
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="snapshot")
        folder = trainer.out / "snapshots"
        self._hurry.clear()
        self._writing = self._thread.submit(
            write_snapshot, self._state, folder, keep=self.keep, rest=self._rest
        )

    @override
    def observe(self, trainer: Trainer) -> None:
        """See whether the newest one is on the disk, as far as that is known.

        Raises:
            OutputError: If it could not be written.
        """
        if self._writing is not None and self._writing.done():
            self._wait()

    @override
    def finalize(self, trainer: Trainer) -> None:
        """Wait until the newest snapshot is on the disk."""
        try:
            self._wait()
        finally:
            if self._thread is not None:
                self._thread.shutdown()
            self._thread, self._state = None, None

    def _rest(self, worked_s: float) -> None:
        """Rest for longer than was worked, unless somebody waits."""
        self._hurry.wait(REST * worked_s)

    def _wait(self) -> None:
        self._hurry.set()
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
