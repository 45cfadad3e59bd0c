"""Keeps the log: the means of what was observed, one JSON object a line."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.errors import TrainingError
from akitsu.files import append_text, write_text
from akitsu.training.extension import Extension, Priority
from akitsu.training.processes import mean_over_processes
from akitsu.training.reporter import Summary
from akitsu.training.updater import MAIN

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

Row = dict[str, float]


class LogReport(Extension):
    """Averages all observations since it last acted, and appends a line to the log.

    The rows are part of its state: a resumed run writes the file anew from them, so that lines
    from beyond the snapshot, or cut in half, are gone.

    Args:
        file: Name of the log in the run's folder.

    Attributes:
        rows: `epoch`, `iteration`, `elapsed_s` and the means, one dict a line.
    """

    trigger = (1, "epoch")
    priority = Priority.EDITOR
    at_end = True
    everywhere = True  # each process knows the losses of its own part of the batches

    def __init__(self, file: str = "log.jsonl") -> None:
        self.file = file
        self.rows: list[Row] = []
        self._summary = Summary()

    @override
    def initialize(self, trainer: Trainer) -> None:
        if trainer.updater.fabric.is_global_zero:
            write_text(trainer.out / self.file, "".join(_line(row) for row in self.rows))

    @override
    def observe(self, trainer: Trainer) -> None:
        self._summary.add(trainer.observation)

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Write one line.

        Raises:
            TrainingError: If a training loss is not a number.
        """
        updater = trainer.updater
        means = self._summary.means()
        self._summary = Summary()
        own = {key: value for key, value in means.items() if key.startswith(f"{MAIN}/")}
        means |= mean_over_processes(updater.fabric, own)
        _check_losses(means, where=f"{trainer.out}, iteration {updater.iteration}")
        row: Row = {
            "epoch": updater.epoch,
            "iteration": updater.iteration,
            "elapsed_s": round(trainer.elapsed_s, 3),
            **means,
        }
        self.rows.append(row)
        if updater.fabric.is_global_zero:
            append_text(trainer.out / self.file, _line(row))

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "summary": self._summary.state_dict()}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]
        self._summary.load_state_dict(state["summary"])


def _line(row: Row) -> str:
    """JSON has no NaN and no infinity: null stands for both."""
    plain = {key: value if isfinite(value) else None for key, value in row.items()}
    return json.dumps(plain, allow_nan=False) + "\n"


def _check_losses(means: dict[str, float], *, where: str) -> None:
    for key, value in means.items():
        if key.startswith(f"{MAIN}/") and "loss" in key and not isfinite(value):
            raise TrainingError(
                f"{key} became {value} since the line before", where=where, do="lower optimizer.lr"
            )
