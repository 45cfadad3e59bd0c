"""What a run is computed with: threads, precision, Fabric, optimizer and schedule of a recipe."""

from __future__ import annotations

import logging
import os
from inspect import signature
from typing import Any, Literal, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import ModelParallelStrategy, Strategy
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import nn

from akitsu.errors import RecipeError
from akitsu.recipes.recipe import OptimizerSettings, Recipe, ScheduleSettings
from akitsu.runtime.threads import available_threads
from akitsu.training import finetune, schedules
from akitsu.training.processes import meet_anew, part_at_exit
from akitsu.training.sharded import shard

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


def make_fabric(recipe: Recipe) -> tuple[Fabric, str]:
    """Fabric for the recipe's engine, its processes started, and what was chosen, in words.

    Raises:
        RecipeError: If this computer has not as many devices.
    """
    precision, why = choose_precision(recipe.engine.precision)
    for name in ("lightning_fabric", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    devices, nodes = _processes(recipe.engine.devices)
    _require_possible(recipe, processes=devices * nodes)
    meet_anew()
    fabric = Fabric(
        accelerator="auto",
        devices=devices,
        num_nodes=nodes,
        strategy=_strategy(recipe.engine.strategy, processes=devices * nodes),
        precision=precision,
    )
    fabric.launch()
    part_at_exit()
    torch.set_num_threads(max(1, available_threads() // devices))
    return fabric, f"{_place(fabric)}, precision {precision} ({why})"


def _require_possible(recipe: Recipe, *, processes: int) -> None:
    """Refuse what the engines cannot do together, before any process is started."""
    if recipe.engine.strategy != "fsdp" or processes == 1:
        return
    if recipe.extensions.average is not None:
        raise RecipeError(
            "where the weights are sharded, no moving average of them is kept",
            where="extensions.average",
            do="set it to null, or engine.strategy to ddp",
        )
    if recipe.engine.precision == "16-mixed":
        raise RecipeError(
            "where the weights are sharded, the gradients cannot be scaled as 16-mixed needs it",
            where="engine.precision",
            do="write bf16-mixed, or set engine.strategy to ddp",
        )


def is_first_process() -> bool:
    """Whether this process is the one that speaks and writes."""
    return int(getattr(rank_zero_only, "rank", 0) or 0) == 0


def _processes(wanted: int) -> tuple[int, int]:
    """Devices on each computer, and computers; torchrun has settled both already."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        local = int(os.environ["LOCAL_WORLD_SIZE"])
        return local, int(os.environ["WORLD_SIZE"]) // local
    if torch.cuda.is_available() and wanted > torch.cuda.device_count():
        raise RecipeError(
            f"{wanted} devices are asked for, and there are {torch.cuda.device_count()}",
            where="engine.devices",
            do="ask for no more, or start on several computers with torchrun",
        )
    return wanted, 1


def _strategy(wanted: str, *, processes: int) -> str | Strategy:
    if processes == 1:
        return "auto"
    if wanted == "fsdp":
        return ModelParallelStrategy(shard, data_parallel_size=processes, tensor_parallel_size=1)
    return "ddp"


def _place(fabric: Fabric) -> str:
    threads = torch.get_num_threads()
    one = f"{threads} CPU threads" if fabric.device.type == "cpu" else str(fabric.device)
    return one if fabric.world_size == 1 else f"{fabric.world_size} processes with {one} each"


def choose_precision(wanted: str) -> tuple[Precision, str]:
    """The precision to compute in.

    bf16 doubles the speed of convolutions where the processor multiplies it itself, and is slower
    than float32 where it has to be emulated.

    Args:
        wanted: "auto", or the precision itself.
    """
    if wanted == "16-mixed" and not (
        torch.cuda.is_available() or torch.backends.mps.is_available()
    ):
        return "bf16-mixed", "16-mixed needs a GPU"
    if wanted != "auto":
        return cast(Precision, wanted), "as the recipe says"
    if torch.cuda.is_available():
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16-mixed", "this GPU has bf16"
        return "32-true", "this GPU has no bf16"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    if any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16")):
        return "bf16-mixed", "this processor has bf16 instructions"
    return "32-true", "this processor has no bf16 instructions"


def make_optimizer(
    model: nn.Module, settings: OptimizerSettings, *, scaled: bool
) -> torch.optim.Optimizer:
    """The optimizer of a recipe; vectors (biases, normalisation) are not decayed.

    Args:
        model: Whose parameters it moves.
        settings: Its kind and numbers.
        scaled: Whether the gradients that come are scaled, as those of "16-mixed" are.

    Raises:
        RecipeError: If a parameter does not fall in exactly one of the recipe's groups.
    """
    groups = [
        group
        for parameters, scale in _learning_groups(model, settings)
        for group in _decayed_and_not(parameters, settings, scale=scale)
    ]
    if settings.name == "sgd":
        return torch.optim.SGD(
            groups, lr=settings.lr, momentum=settings.momentum, nesterov=settings.momentum > 0
        )
    kind = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    # PyTorch's fused step takes the scale out of the gradients itself, which is too late for hooks.
    return kind(groups, lr=settings.lr, betas=(settings.momentum, settings.beta2), fused=not scaled)


def _learning_groups(
    model: nn.Module, settings: OptimizerSettings
) -> list[tuple[list[nn.Parameter], float]]:
    """Parameters that share a learning rate, with its factor."""
    if not settings.groups and settings.backbone_lr_scale is None:
        return [(list(model.parameters()), 1.0)]
    if settings.groups and settings.backbone_lr_scale is not None:
        raise RecipeError(
            "the learning rates are given twice",
            where="optimizer.backbone_lr_scale",
            do="leave out this, or optimizer.groups",
        )
    if settings.groups:
        groups = [finetune.Group(each.match, each.lr_scale) for each in settings.groups]
        return finetune.parameter_groups(model, groups)
    backbone = finetune.Group((finetune.REST,), settings.backbone_lr_scale or 1.0)
    where = "optimizer.backbone_lr_scale"
    return finetune.parameter_groups(
        model, [finetune.Group((finetune.HEAD,)), backbone], where=where
    )


def _decayed_and_not(
    parameters: list[nn.Parameter], settings: OptimizerSettings, *, scale: float
) -> list[dict[str, Any]]:
    """Matrices and filters, then vectors; without a scale both have the optimizer's own rate."""
    rate = {} if scale == 1 else {"lr": settings.lr * scale}
    decayed = [p for p in parameters if p.ndim > 1]
    rest = [p for p in parameters if p.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": settings.weight_decay, **rate},
        {"params": rest, "weight_decay": 0.0, **rate},
    ]


def make_schedule(settings: ScheduleSettings) -> schedules.Schedule:
    """The learning-rate schedule of a recipe.

    Raises:
        RecipeError: If a key is set that the schedule does not know, or an exponential one shall
            end at 0, which it never reaches.
    """
    build = getattr(schedules, settings.name.replace("-", "_"))
    known = signature(build).parameters
    wanted = settings.model_dump(exclude={"name"}, exclude_none=True)
    for key in wanted.keys() - known.keys() - {"warmup", "final"}:
        raise RecipeError(
            f"{settings.name} has no {key}", where=f"schedule.{key}", do="leave this key out"
        )
    if settings.name == "exponential" and settings.final == 0:
        raise RecipeError(
            "an exponential schedule never comes to 0",
            where="schedule.final",
            do="write what is left at the end, such as 0.01",
        )
    schedule: schedules.Schedule = build(**{key: wanted[key] for key in wanted if key in known})
    if "warmup" in known:  # it rises in its own way
        return schedule
    return schedules.warmed_up(schedule, part=settings.warmup)
