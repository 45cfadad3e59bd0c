"""Triggers that ask what was observed: they fire when a value is the best yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isnan
from operator import gt, lt
from typing import TYPE_CHECKING, Any

from akitsu.errors import TrainingError, nearest
from akitsu.training.reporter import Observation, Summary
from akitsu.training.triggers import IntervalTrigger, interval

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class BestValueTrigger:
    """Fires when the mean of a value since the last check is better than all means before it.

    The trigger sees what was reported before its extension's turn: one of an extension below
    `Priority.WRITER` sees an Evaluator's scores of the same iteration. A mean that is not a
    number is never the best. In several processes each compares what it reported itself: give an
    extension that acts in all of them a key that is the same in all, as an Evaluator's scores are.

    Args:
        key: What is compared, as in "validation/main/accuracy".
        better: Called with the best mean so far and a new one: whether the new one is better.
        check: How often means are compared: `(1, "epoch")`, or in iterations; at each check the
            key has to have been reported since the last one.

    Attributes:
        best: The best mean so far; None before the first.

    Raises:
        RecipeError: If `check` says no moment.

    Example:
        ```
        trainer.extend(keep_a_copy, trigger=MaxValueTrigger("validation/main/accuracy"))
        ```
    """

    def __init__(
        self,
        key: str,
        better: Callable[[float, float], bool],
        *,
        check: Sequence[Any] = (1, "epoch"),
    ) -> None:
        n, unit = interval(check, units=("epoch", "iteration"), where=type(self).__name__)
        self.better = better
        self.best: float | None = None
        self._check = IntervalTrigger(n, unit)
        self._mean = RunningMean(key, asker=type(self).__name__)

    def __call__(self, trainer: Trainer) -> bool:
        """Take in this iteration, and compare where a check is due.

        Raises:
            TrainingError: If the key was not reported since the last check.
        """
        self._mean.add(trainer.observation)
        if not self._check(trainer):
            return False
        value = self._mean.take(trainer)
        if isnan(value) or not (self.best is None or self.better(self.best, value)):
            return False
        self.best = value
        return True

    def state_dict(self) -> dict[str, Any]:
        """The best mean, and the sums of the one that is running."""
        return {"best": self.best, "mean": self._mean.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.best = state["best"]
        self._mean.load_state_dict(state["mean"])


class MaxValueTrigger(BestValueTrigger):
    """Fires when the mean of a value since the last check is the highest yet."""

    def __init__(self, key: str, *, check: Sequence[Any] = (1, "epoch")) -> None:
        super().__init__(key, lt, check=check)


class MinValueTrigger(BestValueTrigger):
    """Fires when the mean of a value since the last check is the lowest yet."""

    def __init__(self, key: str, *, check: Sequence[Any] = (1, "epoch")) -> None:
        super().__init__(key, gt, check=check)


class RunningMean:
    """The mean of one observed value since it was last taken.

    Args:
        key: The value's key.
        asker: Who takes it, for the message where there is nothing to take.
    """

    def __init__(self, key: str, *, asker: str) -> None:
        self.key, self.asker = key, asker
        self._summary = Summary()

    def add(self, observation: Observation) -> None:
        """Take in one iteration's value, where it has one; nothing is waited for."""
        if self.key in observation:
            self._summary.add({self.key: observation[self.key]})

    def take(self, trainer: Trainer) -> float:
        """The mean, which then begins anew.

        Raises:
            TrainingError: If the value was not reported since it was last taken.
        """
        if not self._summary:
            raise TrainingError(
                f"{self.asker}: {self.key} was not reported up to iteration "
                f"{trainer.updater.iteration} since it was last asked for",
                do=nearest(
                    self.key,
                    trainer.observation,
                    otherwise=f"give {self.asker} the moments of the Evaluator that reports it",
                ),
            )
        mean = self._summary.means()[self.key]
        self._summary = Summary()
        return mean

    def state_dict(self) -> dict[str, Any]:
        """The running sum and count."""
        return self._summary.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._summary.load_state_dict(state)
