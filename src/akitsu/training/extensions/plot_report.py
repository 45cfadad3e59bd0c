"""Draws the log as it grows, with whatever the caller draws with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from akitsu.files import whole_file
from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport, Row

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class PlotReport(Extension):
    """Hands the rows of the log to a function that draws them.

    A picture is not worth a night of training: where drawing fails, it warns and trains on.

    Args:
        draw: Draws the rows onto a path.
        file: Name of the picture in the run's folder.
        log: Name of the LogReport.
    """

    trigger = (1, "epoch")
    priority = Priority.READER
    at_end = True

    def __init__(
        self,
        draw: Callable[[list[Row], Path], None],
        *,
        file: str = "curves.png",
        log: str = "LogReport",
    ) -> None:
        self.draw, self.file, self.log = draw, file, log

    @override
    def __call__(self, trainer: Trainer) -> None:
        log = trainer.extension(self.log)
        assert isinstance(log, LogReport), f"{self.log} keeps no rows"
        if not log.rows:
            return
        path = trainer.out / self.file
        try:
            with whole_file(path) as temporary:
                self.draw(log.rows, temporary)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"{path}: not drawn ({reason}); the training goes on.", stacklevel=2)
