"""Shows the log in TensorBoard."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.errors import require
from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

# Where a row stands: the axis, not a value.
AXIS = "iteration"


class TensorBoardWriter(Extension):
    """Writes each new row of the log as scalars against the iteration.

    `tensorboard --logdir runs` then shows all runs below that folder. A resumed run goes on in a
    new file of the same folder, and tells TensorBoard to drop what was written beyond the snapshot.

    Args:
        folder: Name of the folder of TensorBoard's files in the run's folder.
        log: Name of the LogReport.
    """

    trigger = (1, "epoch")
    priority = Priority.READER
    at_end = True

    def __init__(self, folder: str = "tensorboard", *, log: str = "LogReport") -> None:
        self.folder, self.log = folder, log
        self._writer: Any = None
        self._written = -1

    @override
    def initialize(self, trainer: Trainer) -> None:
        """Open a file.

        Raises:
            MissingExtraError: If TensorBoard is not installed.
        """
        require("tensorboard", extra="tracking", purpose="TensorBoardWriter")
        writer = import_module("torch.utils.tensorboard").SummaryWriter
        # A run that begins anew purges as well: one that was killed may have left its rows here.
        self._writer = writer(str(trainer.out / self.folder), purge_step=self._written + 1)

    @override
    def __call__(self, trainer: Trainer) -> None:
        log = trainer.extension(self.log)
        assert isinstance(log, LogReport), f"{self.log} keeps no rows"
        for row in log.rows:
            step = int(row[AXIS])
            if step > self._written:
                for key, value in row.items():
                    if key != AXIS:
                        self._writer.add_scalar(key, value, step)
                self._written = step
        self._writer.flush()

    @override
    def finalize(self, trainer: Trainer) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"written": self._written}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._written = state["written"]
