"""One step of learning: a batch, its loss, the gradients, and the weights a little better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from akitsu.training.average import Average
from akitsu.training.batches import Batch, Batches
from akitsu.training.reporter import report, scope
from akitsu.training.schedules import Schedule

# With one of these on a single device, all that Fabric's module wrapper adds is autocast.
TRANSPARENT = ("32-true", "16-mixed", "bf16-mixed")


class Updater:
    """Owns what learns: batches, model, optimizer, and what follows them.

    Args:
        batches: Where batches come from.
        model: The network; Fabric moves it to its device.
        optimizer: Over the model's parameters; its learning rates are those that the schedule
            multiplies.
        loss: Called with model and batch; returns scalars, of which `loss` is minimised and all
            are reported as `main/…`. It runs in Fabric's precision.
        fabric: Device and precision.
        schedule: Factor of the learning rate by the part of the training done; None leaves it.
        clip_norm: Longest gradient, over all parameters together; None leaves them.
        average: Moving average of the same model, updated after each step.

    Attributes:
        iteration: Updates done.
        last_iteration: Updates that the whole training has; the Trainer says it.
    """

    def __init__(
        self,
        batches: Batches,
        model: nn.Module,
        optimizer: Optimizer,
        *,
        loss: Callable[[nn.Module, Batch], dict[str, Tensor]],
        fabric: Fabric,
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        average: Average | None = None,
    ) -> None:
        self.batches, self.model, self.optimizer = batches, model, optimizer
        self.loss, self.fabric = loss, fabric
        self.schedule, self.clip_norm, self.average = schedule, clip_norm, average
        self.iteration = 0
        self.last_iteration: int | None = None
        self._learning_rates = [group["lr"] for group in optimizer.param_groups]
        self._wrapped_model, self._wrapped_optimizer = fabric.setup(model, optimizer)
        self._trained_model = self._cheapest_model()
        if average is not None:
            fabric.strategy.precision.convert_module(average.model).to(fabric.device)

    @property
    def epoch(self) -> int:
        """Epochs that are complete."""
        return self.batches.epoch

    @property
    def epoch_detail(self) -> float:
        """The same with the part of the running epoch."""
        return self.batches.epoch_detail

    @property
    def is_new_epoch(self) -> bool:
        """Whether the newest update ended an epoch."""
        return self.batches.is_new_epoch

    @property
    def best_model(self) -> nn.Module:
        """What is scored and shipped: the averaged model where there is one."""
        return self.model if self.average is None else self.average.model

    def update(self) -> None:
        """Learn from one batch."""
        batch = next(self.batches)
        if self.fabric.device.type != "cpu":
            batch = self.fabric.to_device(batch)
        self._set_learning_rates()
        with scope("main"), self.fabric.autocast():
            losses = self.loss(self._trained_model, batch)
            report(losses)
        self.optimizer.zero_grad()
        self.fabric.backward(losses["loss"])
        self._clip_gradients()
        self._wrapped_optimizer.step()
        if self.average is not None:
            self.average.update()
        self.iteration += 1

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, the global random state apart."""
        return {
            "iteration": self.iteration,
            "batches": self.batches.state_dict(),
            "model": self.model.state_dict(),
            "optimizer": self._wrapped_optimizer.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.batches.load_state_dict(state["batches"])
        self.model.load_state_dict(state["model"])
        self._wrapped_optimizer.load_state_dict(state["optimizer"])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.iteration = state["iteration"]

    def _cheapest_model(self) -> nn.Module:
        """The model itself where Fabric's wrapper would add only its cost (some 50 µs a call)."""
        plain = isinstance(self.fabric.strategy, SingleDeviceStrategy)
        if plain and self.fabric.strategy.precision.precision in TRANSPARENT:
            return self.model
        wrapped: nn.Module = self._wrapped_model
        return wrapped

    def _set_learning_rates(self) -> None:
        """From the iteration alone: a schedule has nothing that a snapshot could forget."""
        if self.schedule is None:
            return
        assert self.last_iteration is not None, "a schedule needs a Trainer, which knows the end"
        factor = self.schedule(self.iteration / self.last_iteration)
        for group, rate in zip(self.optimizer.param_groups, self._learning_rates, strict=True):
            group["lr"] = rate * factor

    def _clip_gradients(self) -> None:
        if self.clip_norm is None:
            return
        # A gradient that is not a number is found where the loss is reduced: asking here would
        # wait for the device at every step.
        self.fabric.clip_gradients(
            self._wrapped_model,
            self._wrapped_optimizer,
            max_norm=self.clip_norm,
            error_if_nonfinite=False,
        )
