"""One trunk and many heads, each moved when it has seen enough labels (arXiv:1609.02132).

No set is labelled for all tasks, so a batch drives only the losses that it has labels for. Trunk
and heads each gather their gradients until they have seen their number of pictures. Heads run one
after the other, so that the memory does not grow with their number (section 4 of the paper).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import override

from akitsu.errors import TrainingError
from akitsu.training.batches import Batches
from akitsu.training.reporter import report
from akitsu.training.updater import Updater, scales_gradients

TRUNK = "trunk"
TaskLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TaskBatch:
    """Pictures of one source.

    Attributes:
        images: (B, C, H, W).
        targets: By task, the labels of all B pictures; tasks that it has no labels for are absent.
    """

    images: Tensor
    targets: dict[str, Tensor]


def backward_by_task(
    trunk: nn.Module,
    heads: Mapping[str, nn.Module],
    batch: TaskBatch,
    *,
    losses: Mapping[str, TaskLoss],
    weights: Mapping[str, float],
) -> dict[str, Tensor]:
    """Add the gradients of one batch to those that are there, one head at a time.

    The gradients are sums over the pictures. A head's own are those of its loss; what it gives to
    the trunk is multiplied by its weight. Between two heads there is only one gradient of what the
    trunk gave.

    Args:
        trunk: Gives one tensor or a tuple.
        heads: By task.
        batch: Its tasks' heads run, and no others.
        losses: By task, the mean over the pictures.
        weights: By task; 1 where absent.

    Returns:
        By task, the loss.
    """
    given = trunk(batch.images)
    outputs = given if isinstance(given, tuple) else (given,)
    leaves = tuple(each.detach().requires_grad_() for each in outputs)
    gathered: list[Tensor | None] = [None] * len(leaves)
    seen = {}
    for name, target in batch.targets.items():
        loss = losses[name](heads[name](leaves if isinstance(given, tuple) else leaves[0]), target)
        (loss * len(batch.images)).backward()  # type: ignore[no-untyped-call]
        seen[name] = loss.detach()
        del loss
        for place, leaf in enumerate(leaves):
            if leaf.grad is None:
                continue
            part = leaf.grad * weights.get(name, 1.0)
            before = gathered[place]
            gathered[place] = part if before is None else before + part
            leaf.grad = None
    pairs = [
        (output, gradient)
        for output, gradient in zip(outputs, gathered, strict=True)
        if gradient is not None and output.requires_grad
    ]
    if pairs:
        torch.autograd.backward([output for output, _ in pairs], [each for _, each in pairs])
    return seen


class AsyncUpdater(Updater):
    """Trains a trunk and its heads; each group steps when it has seen its number of pictures.

    Batches are `TaskBatch`es. The gradients gathered so far and the counts are in `state_dict`.

    Args:
        batches: Of all sources in turns.
        model: Has `trunk`, and `heads` by task, as `MultiTask` of
            `akitsu.models.classification.ubernet`.
        optimizers: One for "trunk" and for each task, over the parameters of each.
        losses: By task: answer and target to the mean loss of the pictures.
        pictures: By group, after how many labelled pictures it steps; 1 where absent.
        weights: By task, the part in the trunk's gradient; 1 where absent.
        options: Of `Updater`.

    Raises:
        TrainingError: If there are several processes, gradients are scaled ("16-mixed"), or
            batches cut in parts: gradients have to stay from one batch to the next.
    """

    def __init__(
        self,
        batches: Batches,
        model: nn.Module,
        optimizers: Mapping[str, Optimizer],
        *,
        losses: Mapping[str, TaskLoss],
        pictures: Mapping[str, int] | None = None,
        weights: Mapping[str, float] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(batches, model, optimizers, **options)
        self.task_losses, self.weights = dict(losses), dict(weights or {})
        self.pictures = dict(pictures or {})
        self.seen = dict.fromkeys(self.optimizers, 0)
        if self.fabric.world_size > 1 or scales_gradients(self.fabric) or self.accumulate > 1:
            raise TrainingError(
                "heads that step on their own need one process, whole batches and no 16-mixed",
                do="train on one device in 32-true or bf16-mixed, without accumulate",
            )

    @override
    def learn(self, batch: TaskBatch) -> None:
        with self.fabric.autocast():
            losses = backward_by_task(
                self._trunk, self._heads, batch, losses=self.task_losses, weights=self.weights
            )
        report({f"main/{name}_loss": loss for name, loss in losses.items()})
        # The trunk counts pictures and not losses: one with two labels is still one picture.
        for group in (*losses, *([TRUNK] if losses else [])):
            self.seen[group] += len(batch.images)
            if self.seen[group] >= self.pictures.get(group, 1):
                self._step_of(group)

    def _step_of(self, group: str) -> None:
        for parameter in self._parameters_of(group):
            if parameter.grad is not None:
                parameter.grad /= self.seen[group]
        self.step(group)
        # None and not zeros: momentum and decay must not move a head that saw nothing.
        self.zero_gradients(group)
        self.seen[group] = 0

    @override
    def state_dict(self) -> dict[str, Any]:
        gathered = {
            group: [each.grad for each in self._parameters_of(group)] for group in self.optimizers
        }
        return {**super().state_dict(), "gathered": gathered, "seen": dict(self.seen)}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.seen = dict(state["seen"])
        for group, gradients in state["gathered"].items():
            for parameter, gradient in zip(self._parameters_of(group), gradients, strict=True):
                parameter.grad = None if gradient is None else gradient.clone().to(parameter.device)

    @property
    def _trunk(self) -> nn.Module:
        trunk = self.model.trunk
        assert isinstance(trunk, nn.Module)
        return trunk

    @property
    def _heads(self) -> dict[str, nn.Module]:
        heads = self.model.heads
        assert isinstance(heads, nn.ModuleDict)
        return dict(heads.items())

    def _parameters_of(self, group: str) -> list[nn.Parameter]:
        return [each for part in self.optimizers[group].param_groups for each in part["params"]]
