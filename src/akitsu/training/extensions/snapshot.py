"""Saves the whole run, so that it can go on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.snapshot import save_snapshot

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class Snapshot(Extension):
    """Writes `snapshots/<iteration>.pt` in the run's folder, also on Ctrl-C and SIGTERM.

    Args:
        keep: How many of the newest stay, at least 1; more than one, since the newest may be torn.
    """

    trigger = (1, "epoch")
    priority = Priority.KEEPER
    at_end = True

    def __init__(self, keep: int = 2) -> None:
        self.keep = keep

    @override
    def __call__(self, trainer: Trainer) -> None:
        save_snapshot(trainer, trainer.out / "snapshots", keep=self.keep)
