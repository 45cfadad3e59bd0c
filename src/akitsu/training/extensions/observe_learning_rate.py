"""Puts the learning rate into the observation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akitsu.errors import TrainingError, nearest
from akitsu.training.extensions.observe_value import ObserveValue

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class ObserveLearningRate(ObserveValue):
    """Reports the learning rate of the newest update: that of the first parameter group.

    Args:
        optimizer: The optimizer's name in the updater; the only one is called "main".
        key: What the rate is reported as.
    """

    def __init__(self, optimizer: str = "main", *, key: str = "lr") -> None:
        super().__init__(key, self._learning_rate)
        self.optimizer = optimizer

    def _learning_rate(self, trainer: Trainer) -> float:
        """The rate.

        Raises:
            TrainingError: If there is no optimizer of that name.
        """
        optimizers = trainer.updater.optimizers
        if self.optimizer not in optimizers:
            names = ", ".join(optimizers)
            raise TrainingError(
                f"ObserveLearningRate: there is no optimizer {self.optimizer!r}",
                do=nearest(self.optimizer, optimizers, otherwise=f"name one of {names}"),
            )
        return float(optimizers[self.optimizer].param_groups[0]["lr"])
