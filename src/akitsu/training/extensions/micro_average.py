"""The mean over examples where batches differ in how many they have."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.errors import TrainingError, nearest
from akitsu.training.extension import Extension, Priority
from akitsu.training.processes import mean_over_processes
from akitsu.training.reporter import Summary, report

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class MicroAverage(Extension):
    """Reports sum / sum of two observed values: correct and examples, say, since it last acted.

    The log's mean of means gives a batch of 3 boxes the weight of one of 300; this does not. In
    several processes the sums go over all of them.

    Args:
        numerator_key: What is summed above the line, as in "main/correct".
        denominator_key: What is summed below it; an interval whose sum is 0 gives NaN.
        result_key: What the quotient is reported as.
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER - 1  # below the Evaluator: its values can be averaged too
    at_end = True
    everywhere = True

    def __init__(self, numerator_key: str, denominator_key: str, *, result_key: str) -> None:
        self.keys, self.result_key = (numerator_key, denominator_key), result_key
        self._summary = Summary()

    @override
    def observe(self, trainer: Trainer) -> None:
        if all(key in trainer.observation for key in self.keys):
            self._summary.add({key: trainer.observation[key] for key in self.keys})

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Report the quotient, and begin anew.

        Raises:
            TrainingError: If the two values were not reported together since it last acted.
        """
        if not self._summary:
            raise self._missing(trainer)
        # Both were counted equally often, and equally often in every process: the quotient of the
        # means is that of the sums.
        means = mean_over_processes(trainer.updater.fabric, self._summary.means())
        above, below = (means[key] for key in self.keys)
        self._summary = Summary()
        report({self.result_key: above / below if below else nan})

    def _missing(self, trainer: Trainer) -> TrainingError:
        absent = [key for key in self.keys if key not in trainer.observation]
        key = absent[0] if absent else self.keys[0]
        return TrainingError(
            f"MicroAverage: {key} is not reported in iteration {trainer.updater.iteration}",
            do=nearest(key, trainer.observation, otherwise="report both values in one iteration"),
        )

    @override
    def state_dict(self) -> dict[str, Any]:
        return self._summary.state_dict()

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._summary.load_state_dict(state)
