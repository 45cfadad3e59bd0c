"""Ends a training that has stopped getting better."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

from akitsu.errors import RecipeError
from akitsu.training.extension import Extension, Priority
from akitsu.training.processes import mean_over_processes
from akitsu.training.value_triggers import RunningMean

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class EarlyStopping(Extension):
    """Stops the training when a value was not the best for `patience` moments in a row.

    Compared is the mean since the last moment, so that a training loss can be watched as well as
    a score that is reported once. In several processes it is the mean over all of them: one that
    stopped alone would leave the others waiting for it.

    Args:
        key: What is watched, as in "validation/main/accuracy".
        mode: Whether the highest or the lowest value is best.
        patience: Moments without a better value before the end, at least 1.
        min_delta: By how much a value has to be better than the best one to count as better.

    Attributes:
        value: The best value so far; None before the first. NaN is never the best.
        iteration: When it was reached.
        waited: Moments since then.

    Raises:
        RecipeError: If `patience` is below 1 or `min_delta` below 0.
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER - 1  # below the Evaluator, above all that acts on the last iteration
    everywhere = True

    def __init__(
        self,
        key: str,
        mode: Literal["max", "min"] = "max",
        *,
        patience: int = 5,
        min_delta: float = 0.0,
    ) -> None:
        _check(patience, min_delta)
        self.key, self.mode = key, mode
        self.patience, self.min_delta = patience, min_delta
        self.value: float | None = None
        self.iteration: int | None = None
        self.waited = 0
        self._mean = RunningMean(key, asker="EarlyStopping")

    @override
    def observe(self, trainer: Trainer) -> None:
        self._mean.add(trainer.observation)

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Compare, and stop the training where patience ends.

        Raises:
            TrainingError: If the key was not reported since the last moment.
        """
        own = {self.key: self._mean.take(trainer)}
        value = mean_over_processes(trainer.updater.fabric, own)[self.key]
        if self._is_better(value):
            self.value, self.iteration, self.waited = value, trainer.updater.iteration, 0
        else:
            self.waited += 1
        if self.waited >= self.patience:
            trainer.stop(self._reason())

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "iteration": self.iteration,
            "waited": self.waited,
            "mean": self._mean.state_dict(),
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value, self.iteration = state["value"], state["iteration"]
        self.waited = state["waited"]
        self._mean.load_state_dict(state["mean"])

    def _is_better(self, value: float) -> bool:
        if isnan(value) or self.value is None:
            return not isnan(value)
        gain = value - self.value if self.mode == "max" else self.value - value
        return gain > self.min_delta

    def _reason(self) -> str:
        if self.value is None:
            return f"{self.key} was not a number at any of {self.waited} checks."
        best = f"{self.value:.6g} of iteration {self.iteration}"
        return f"{self.key} has not become better than {best} in {self.waited} checks."


def _check(patience: int, min_delta: float) -> None:
    where = "EarlyStopping"
    if patience < 1:
        raise RecipeError(
            f"a patience of {patience} never begins", where=where, do="give 1 or more"
        )
    if not min_delta >= 0:
        raise RecipeError(
            f"a min_delta of {min_delta} is no gain", where=where, do="give 0 or more"
        )
