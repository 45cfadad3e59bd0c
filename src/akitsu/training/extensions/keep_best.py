"""Keeps the weights that scored best."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from akitsu.errors import TrainingError, nearest
from akitsu.training.extension import Extension, Priority
from akitsu.training.processes import mean_over_processes
from akitsu.training.weights import save_weights

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class KeepBest(Extension):
    """Writes the model's weights (the averaged ones where there are) when a score is the best yet.

    Its trigger has to be that of the Evaluator which reports the score.

    Args:
        key: The score, as in "validation/main/accuracy".
        mode: Whether the highest or the lowest value is best; of equal ones the first stays.
        file: Name of the weights in the run's folder.

    Attributes:
        value: The best value so far; None before the first.
        iteration: When it was reached.
    """

    trigger = (1, "epoch")
    priority = Priority.EDITOR
    at_end = True
    everywhere = True  # where the weights are sharded, all put them together

    def __init__(
        self, key: str, mode: Literal["max", "min"] = "max", *, file: str = "best.safetensors"
    ) -> None:
        self.key, self.mode, self.file = key, mode, file
        self.value: float | None = None
        self.iteration: int | None = None

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Compare, and write if it is better.

        Raises:
            TrainingError: If the score was not reported in this iteration.
        """
        if self.key not in trainer.observation:
            raise TrainingError(
                f"KeepBest: {self.key} is not reported in iteration {trainer.updater.iteration}",
                do=nearest(
                    self.key,
                    trainer.observation,
                    otherwise="give KeepBest the trigger of the Evaluator that reports it",
                ),
            )
        own = {self.key: float(trainer.observation[self.key])}
        value = mean_over_processes(trainer.updater.fabric, own)[self.key]
        if self._is_better(value):
            self.value, self.iteration = value, trainer.updater.iteration
            weights = trainer.updater.best_weights()
            if trainer.updater.fabric.is_global_zero:
                save_weights(weights, trainer.out / self.file)

    def _is_better(self, value: float) -> bool:
        """The first score counts even if it is NaN: some weights are better than none."""
        if self.value is None or isnan(self.value):
            return self.value is None or not isnan(value)
        return value > self.value if self.mode == "max" else value < self.value

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "iteration": self.iteration}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value, self.iteration = state["value"], state["iteration"]
