"""How far the training is, how fast, and how long it will still take."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from typing_extensions import override

from akitsu.training.extension import Extension, Priority

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

# Each drawing takes milliseconds from the loop; a person reads no faster.
DRAWN_EVERY_S = 0.5
LINE_EVERY_S = 10.0


class ProgressBar(Extension):
    """A bar on stderr; where that is no terminal, a plain line every ten seconds.

    Args:
        console: Where to draw; by default stderr, since results go to stdout.
    """

    trigger = (1, "iteration")
    priority = Priority.READER

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._first_iteration, self._started_at_s, self._drawn_at_s = 0, 0.0, 0.0

    @override
    def initialize(self, trainer: Trainer) -> None:
        self._first_iteration = trainer.updater.iteration
        self._started_at_s = self._drawn_at_s = monotonic()
        if self._console.is_terminal:
            # No thread of its own: the loop draws, so that drawing never takes its core away.
            self._progress = Progress(
                BarColumn(),
                TextColumn("{task.description}"),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
            )
            self._task = self._progress.add_task("", total=trainer.last_iteration)
            self._progress.start()

    @override
    def __call__(self, trainer: Trainer) -> None:
        now_s = monotonic()
        pause_s = LINE_EVERY_S if self._progress is None else DRAWN_EVERY_S
        if now_s - self._drawn_at_s < pause_s:
            return
        self._drawn_at_s = now_s
        text = self._describe(trainer, now_s)
        if self._progress is None:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            iteration = trainer.updater.iteration
            self._progress.update(self._task, completed=iteration, description=text, refresh=True)

    @override
    def finalize(self, trainer: Trainer) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _describe(self, trainer: Trainer, now_s: float) -> str:
        iteration, last = trainer.updater.iteration, trainer.last_iteration
        speed = (iteration - self._first_iteration) / max(now_s - self._started_at_s, 1e-9)
        left = timedelta(seconds=round((last - iteration) / speed)) if speed else "?"
        epoch = trainer.updater.epoch_detail
        return f"iteration {iteration}/{last}, epoch {epoch:.2f}, {speed:.1f} it/s, {left} left"
