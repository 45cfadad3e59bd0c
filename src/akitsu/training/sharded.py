"""Weights of which every process holds a part (FSDP): put together to be saved, cut to be loaded.

A snapshot always holds whole tensors, so that a run can go on with another number of processes, or
in a single one. Putting together takes all processes: each has to call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer


def shard(model: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Spread a model's parameters over the processes, layer by layer (FSDP2, arXiv:2304.11277)."""
    model.to(memory_format=torch.contiguous_format)  # FSDP takes no other
    over = mesh["data_parallel"]
    for layer in model.children():
        if any(True for _ in layer.parameters()):
            fully_shard(layer, mesh=over)
    fully_shard(model, mesh=over)
    return model


def whole(value: Any) -> Any:
    """The same with whole tensors instead of parts of them, through dicts and lists."""
    if isinstance(value, DTensor):
        return value.full_tensor()
    if isinstance(value, Mapping):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(whole(each) for each in value)
    return value


def load_weights_into(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give each parameter its part of a whole tensor.

    Raises:
        RuntimeError: If the weights are of another model.
    """
    present = model.state_dict()
    parts = {
        name: _part_like(present[name], tensor) if name in present else tensor
        for name, tensor in weights.items()
    }
    model.load_state_dict(parts)


def load_optimizer_into(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Give each moment of an optimizer its part of a whole tensor.

    Raises:
        ValueError: If the state is of other parameters.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    parts = {
        index: {key: _part_like(parameters[index], value) for key, value in each.items()}
        for index, each in state["state"].items()
        if index < len(parameters)
    }
    optimizer.load_state_dict({**state, "state": parts})


def _part_like(present: Tensor, value: Any) -> Any:
    """The part of `value` that belongs where `present` is; a number of steps stays what it is."""
    if not isinstance(present, DTensor) or not isinstance(value, Tensor):
        return value
    if value.shape != present.shape:
        return value
    with torch.no_grad():
        return distribute_tensor(
            value.to(present.device), present.device_mesh, present.placements, src_data_rank=None
        )
