"""One step of learning: a batch, its loss, the gradients, and the weights a little better."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.strategies import ModelParallelStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from akitsu.training.average import Average
from akitsu.training.batches import Batch, Batches
from akitsu.training.parts import parts_of
from akitsu.training.randomness import mixed, seed_torch
from akitsu.training.reporter import Observation, Summary, observing, report, scope
from akitsu.training.schedules import Schedule
from akitsu.training.sharded import load_optimizer_into, load_weights_into, whole

# With one of these on a single device, all that Fabric's wrappers add is autocast.
TRANSPARENT = ("32-true", "bf16-mixed")
# The name of the only optimizer, and of the only network.
MAIN = "main"
# What a seed is for, beside the two purposes in batches.py.
MODEL = 2

Hook = Callable[["Updater", Optimizer], None]
Loss = Callable[[nn.Module, Batch], dict[str, Tensor]]


def scales_gradients(fabric: Fabric) -> bool:
    """Whether gradients are multiplied by a large factor until the step, as "16-mixed" needs it."""
    return getattr(fabric.strategy.precision, "scaler", None) is not None


class Updater:
    """Owns what learns: batches, model, optimizers, and what follows them.

    To learn in another way, override `learn`: see its text.

    Args:
        batches: Where batches come from.
        model: The network; Fabric moves it to its device. An `nn.ModuleDict` holds several, each
            of which is found in `networks` by its name.
        optimizer: Over the model's parameters, or several by name; the learning rates in them are
            those that the schedule multiplies. Where the weights are to be sharded it is a function
            that makes it: it is called when they are.
        loss: Called with network and batch; returns scalars, of which `loss` is minimised and all
            are reported as `main/…`. It runs in Fabric's precision.
        fabric: Devices and precision; by default one device, float32.
        schedule: Factor of the learning rates by the part of the training done; None leaves them.
        hooks: Called with this and the optimizer between gradients and step, in this order; see
            `akitsu.training.hooks`.
        average: Moving average of the same model, updated after each iteration.
        accumulate: Equal parts of a batch whose gradients are added up before the step, to save
            memory; with BatchNorm each part has statistics of its own.
        seed: Of what the model draws, as Dropout does.

    Attributes:
        iteration: Updates done.
        last_iteration: Updates that the whole training has; the Trainer says it.
        networks: What a loss calls, by name: the model's parts as Fabric set them up.
        optimizers: By name.
        batch: The newest batch.
        losses: What the loss returned last, with its graph until the next batch.
    """

    def __init__(
        self,
        batches: Batches,
        model: nn.Module,
        optimizer: Optimizer | Mapping[str, Optimizer] | Callable[[], Optimizer],
        *,
        loss: Loss | None = None,
        fabric: Fabric | None = None,
        schedule: Schedule | None = None,
        hooks: Iterable[Hook] = (),
        average: Average | None = None,
        accumulate: int = 1,
        seed: int = 0,
    ) -> None:
        self.batches, self.model, self.loss = batches, model, loss
        self.fabric = fabric or Fabric(devices=1)
        self.schedule, self.hooks, self.average = schedule, list(hooks), average
        self.accumulate, self.seed = accumulate, seed
        self.iteration = 0
        self.last_iteration: int | None = None
        self.batch: Batch = None
        self.losses: dict[str, Tensor] = {}
        self._transparent = self._is_transparent()
        # Asked for in every iteration, and each of them three properties deep in Fabric.
        self._number, self._on_cpu = self.fabric.global_rank, self.fabric.device.type == "cpu"
        self.networks = self._set_up_networks()
        self._set_up_optimizers(optimizer)
        if average is not None:
            self.fabric.strategy.precision.convert_module(average.model).to(self.fabric.device)

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
    def sharded(self) -> bool:
        """Whether each process holds only a part of the weights."""
        return isinstance(self.fabric.strategy, ModelParallelStrategy)

    @property
    def network(self) -> nn.Module:
        """The only network, as a loss calls it."""
        return self.networks[MAIN]

    @property
    def best_model(self) -> nn.Module:
        """What is scored and shipped: the averaged model where there is one."""
        return self.model if self.average is None else self.average.model

    def best_weights(self) -> dict[str, Tensor]:
        """Its parameters and buffers by name; where they are sharded, every process has to ask."""
        weights: dict[str, Tensor] = whole(self.best_model.state_dict())
        return weights

    def update(self) -> None:
        """Learn from one batch."""
        # The old batch, and the graph behind its losses, make room before the new one comes.
        self.batch, self.losses = None, {}
        batch = next(self.batches)
        if not self._on_cpu:
            batch = self.fabric.to_device(batch)
        self.batch = batch
        # From the iteration alone, like the schedule: there is nothing that a snapshot could
        # forget. Every process draws in its own way.
        seed_torch(mixed(self.seed, MODEL, self.iteration, self._number))
        self._set_learning_rates()
        self.learn(batch)
        if self.average is not None:
            self.average.update()
        self.iteration += 1

    def learn(self, batch: Batch) -> None:
        """Make the weights a little better.

        A training with several networks or optimizers overrides this. It computes a loss from
        `self.networks`, calls `self.descend` once for each optimizer, and reports what it likes:

        ```
        def learn(self, batch):
            with self.fabric.autocast():
                loss = self.networks["critic"](batch).mean()
            self.descend(loss, "critic")
            report({"main/critic": loss})
        ```
        """
        self.zero_gradients()
        if self.accumulate == 1:
            self._backward_through(batch)
        else:
            self._backward_through_parts(parts_of(batch, self.accumulate))
        self.step()

    def descend(self, loss: Tensor, optimizer: str = MAIN) -> None:
        """One step of one optimizer down the gradient of a scalar."""
        self.zero_gradients(optimizer)
        self.backward(loss)
        self.step(optimizer)

    def zero_gradients(self, optimizer: str = MAIN) -> None:
        """Forget the gradients of an optimizer's parameters."""
        # As zero_grad() does; its note to the profiler costs more than all the rest of it.
        for group in self.optimizers[optimizer].param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def backward(self, loss: Tensor) -> None:
        """Add a scalar's gradients to those that are there."""
        if self._transparent:
            loss.backward()  # type: ignore[no-untyped-call]
        else:
            self.fabric.backward(loss)

    def step(self, optimizer: str = MAIN) -> None:
        """Let the hooks see the gradients, and move the weights."""
        plain, wrapped = self.optimizers[optimizer], self._wrapped_optimizers[optimizer]
        if self.hooks:
            self.fabric.strategy.precision.unscale_gradients(plain)
            for hook in self.hooks:
                hook(self, plain)
        if self._transparent:
            plain.step()
        else:
            wrapped.step()

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next update depends on, the global random states apart.

        Where the weights are sharded, every process has to ask for it.
        """
        return {
            "iteration": self.iteration,
            "batches": self.batches.state_dict(),
            "model": whole(self.model.state_dict()),
            "optimizers": {
                name: whole(each.state_dict()) for name, each in self.optimizers.items()
            },
            "precision": self.fabric.strategy.precision.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.batches.load_state_dict(state["batches"])
        load_weights_into(self.model, state["model"])
        for name, each in self.optimizers.items():
            load_optimizer_into(each, state["optimizers"][name])
        self.fabric.strategy.precision.load_state_dict(state["precision"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.iteration = state["iteration"]

    def _is_transparent(self) -> bool:
        """Whether Fabric's wrappers would add only their cost (some 65 µs an iteration)."""
        strategy = self.fabric.strategy
        single = isinstance(strategy, SingleDeviceStrategy)
        return single and strategy.precision.precision in TRANSPARENT

    def _set_up_networks(self) -> dict[str, nn.Module]:
        several = isinstance(self.model, nn.ModuleDict)
        parts = dict(self.model.items()) if several else {MAIN: self.model}  # type: ignore[operator]
        wrapped = {name: self.fabric.setup_module(part) for name, part in parts.items()}
        return parts if self._transparent else wrapped

    def _set_up_optimizers(
        self, optimizer: Optimizer | Mapping[str, Optimizer] | Callable[[], Optimizer]
    ) -> None:
        if isinstance(optimizer, Mapping):
            self.optimizers = dict(optimizer)
        else:
            one = optimizer if isinstance(optimizer, Optimizer) else optimizer()
            self.optimizers = {MAIN: one}
        self._wrapped_optimizers = {
            name: self.fabric.setup_optimizers(each) for name, each in self.optimizers.items()
        }
        self._learning_rates = {
            name: [group["lr"] for group in each.param_groups]
            for name, each in self.optimizers.items()
        }

    def _backward_through(self, part: Batch, *, parts: int = 1) -> None:
        assert self.loss is not None, "an Updater without a loss overrides learn()"
        with scope(MAIN), self.fabric.autocast():
            self.losses = self.loss(self.network, part)
            report(self.losses)
        loss = self.losses["loss"]
        self.backward(loss if parts == 1 else loss / parts)

    def _backward_through_parts(self, parts: list[Batch]) -> None:
        """Add up the gradients of all parts, and report the means of what each reported."""
        summary = Summary()
        for number, part in enumerate(parts, 1):
            seen: Observation = {}
            # Several processes tell one another their gradients once, with the last part.
            more = number < len(parts) and not self._transparent
            quiet = self.fabric.no_backward_sync(self.network) if more else nullcontext()
            with observing(seen), quiet:
                self._backward_through(part, parts=len(parts))
            summary.add(seen)
        report(summary.means())

    def _set_learning_rates(self) -> None:
        if self.schedule is None:
            return
        assert self.last_iteration is not None, "a schedule needs a Trainer, which knows the end"
        factor = self.schedule(self.iteration / self.last_iteration)
        for name, each in self.optimizers.items():
            for group, rate in zip(each.param_groups, self._learning_rates[name], strict=True):
                group["lr"] = rate * factor
