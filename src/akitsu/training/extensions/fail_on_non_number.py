"""Stops a training whose numbers are none any more, and names the first layer that broke."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from torch.optim import Optimizer
from typing_extensions import override

from akitsu.errors import TrainingError
from akitsu.training.broken_layer import Finding, find_break
from akitsu.training.extension import Extension, Priority
from akitsu.training.finite import first_non_finite, is_finite
from akitsu.training.processes import mean_over_processes
from akitsu.training.reporter import Observation
from akitsu.training.updater import MAIN, scales_gradients

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer
    from akitsu.training.updater import Updater

MEND = "lower optimizer.lr and begin anew, or set optimizer.clip_norm"


class FailOnNonNumber(Extension):
    """Looks at the loss before each step, and at the weights when its trigger fires.

    A loss that is not finite is found before the step that would spread it: the weights are still
    those that made it, so that a second forward pass finds the first layer whose output is not
    finite. Asking a GPU for its loss makes the loop wait, so there, and in several processes, only
    the weights are looked at; `thorough` asks all the same.

    A finite loss with a broken gradient shows in the weights, or in the loss of the next iteration.
    To look at every gradient costs as much as clipping; `thorough` does it. With the gradient
    scaler of "16-mixed" broken gradients are usual, and it passes over them itself.

    Args:
        thorough: Look at loss and gradients in every iteration, whatever it costs: for the run
            that looks for the place where another broke.
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER + 1  # ahead of the Evaluator too: it would score for nothing
    at_end = True
    everywhere = True

    def __init__(self, *, thorough: bool = False) -> None:
        self.thorough = thorough
        self._trainer: Trainer | None = None

    @override
    def initialize(self, trainer: Trainer) -> None:
        self._trainer = trainer
        # First of all hooks: clipping spreads one broken gradient over all of them.
        trainer.updater.hooks.insert(0, self._look)

    @override
    def finalize(self, trainer: Trainer) -> None:
        if self._look in trainer.updater.hooks:
            trainer.updater.hooks.remove(self._look)

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Check all weights and running statistics.

        Raises:
            TrainingError: If one is not finite, with its name.
        """
        updater = trainer.updater
        name = first_non_finite(updater.model)
        if _in_any_process(updater, broken=name is not None):
            advice = "" if self.thorough else "; FailOnNonNumber(thorough=True) names the place"
            what = f"the weights {name or 'of another process'} are no longer finite"
            raise TrainingError(what, where=self._where(updater.iteration), do=MEND + advice)

    def _look(self, updater: Updater, optimizer: Optimizer) -> None:
        """The hook between backward and step.

        Raises:
            TrainingError: If a loss, or where it is looked at a gradient, is not finite.
        """
        asking_is_free = updater.fabric.device.type == "cpu" and updater.fabric.world_size == 1
        if not (self.thorough or asking_is_free):
            return
        assert self._trainer is not None
        broken = _broken_loss(updater, self._trainer.observation)
        if broken is None and self.thorough:
            broken = _broken_gradient(updater, optimizer)
        if _in_any_process(updater, broken=broken is not None):
            broken = broken or Finding("another process met a number that is none")
            advice = "mend the data, or what is done to it" if broken.in_data else MEND
            where = self._where(updater.iteration + 1)
            raise TrainingError(broken.what, where=where, do=advice)

    def _where(self, iteration: int) -> str:
        assert self._trainer is not None
        return f"{self._trainer.out}, iteration {iteration}"


def _broken_loss(updater: Updater, observation: Observation) -> Finding | None:
    # From what was reported: of a batch in parts it is the mean of them all.
    for key, value in observation.items():
        # A score that is reported beside the loss may have no value in a batch.
        if key.startswith(f"{MAIN}/") and "loss" in key and not isfinite(value):
            finding = find_break(updater)
            what = f"{key} became {float(value)}: {finding.what}"
            return Finding(what, in_data=finding.in_data)
    return None


def _broken_gradient(updater: Updater, optimizer: Optimizer) -> Finding | None:
    """The broken gradient that is nearest to the loss: from there it went to the others."""
    if scales_gradients(updater.fabric):
        return None
    stepped = {id(each) for group in optimizer.param_groups for each in group["params"]}
    for name, parameter in reversed(list(updater.model.named_parameters())):
        gradient = parameter.grad
        if id(parameter) in stepped and gradient is not None and not is_finite(gradient):
            return Finding(
                f"the gradient of {name} is not finite, while the loss and all gradients nearer to "
                "it are"
            )
    return None


def _in_any_process(updater: Updater, *, broken: bool) -> bool:
    """The same answer in all processes: where one stopped alone, the others would wait for it."""
    return mean_over_processes(updater.fabric, {"broken": float(broken)})["broken"] > 0
