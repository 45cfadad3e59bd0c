"""Whether all numbers of a model are numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from akitsu.errors import TrainingError
from akitsu.training.sharded import whole


def require_finite(model: nn.Module, *, where: str | Path) -> None:
    """Refuse a model with a NaN or an infinity: nothing trained from it comes right again.

    Args:
        model: The network: all its parameters and buffers are looked at.
        where: The run and its moment, or the file, for the message.

    Raises:
        TrainingError: If a value is not finite, with the name of the first such tensor.
    """
    name = first_non_finite(model)
    if name is not None:
        raise TrainingError(
            f"the weights {name} are no longer finite",
            where=where,
            do="lower optimizer.lr and begin anew, or set optimizer.clip_norm",
        )


def first_non_finite(model: nn.Module) -> str | None:
    """The name of the first parameter or buffer that is broken; None if all are sound.

    Parameters and running statistics have to be finite. Any other buffer may hold an infinity (the
    mask of an attention does, and an observer of minima begins there), but no NaN.

    On a GPU this waits for the device once, not once a tensor.
    """
    named = list(_verdicts(model))
    if not named:
        return None
    device = named[0][1].device
    sound = torch.stack([verdict.to(device) for _, verdict in named]).tolist()
    return next((name for (name, _), good in zip(named, sound, strict=True) if not good), None)


def is_finite(tensor: Tensor) -> Tensor:
    """Whether all values are finite: a boolean scalar on the tensor's device.

    Asking for its value is what waits for the device.
    """
    finite: Tensor = whole(tensor.detach()).isfinite().all()
    return finite


def _verdicts(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        yield name, is_finite(parameter)
    for name, buffer in model.named_buffers():
        if name.rpartition(".")[2].startswith("running_"):
            yield name, is_finite(buffer)
        else:
            yield name, ~whole(buffer.detach()).isnan().any()
