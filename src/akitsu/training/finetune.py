"""Fine-tuning: which parameters are frozen, until when, and how fast each of the others learns.

The practice of Girshick et al. (arXiv:1311.2524), Donahue et al. (arXiv:1310.1531) and Yosinski
et al. (arXiv:1411.1792): keep the layers that learned general features from much data, put a new
head on them, let it learn fast, and them slowly or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import ceil, inf

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from akitsu.errors import RecipeError, nearest
from akitsu.training.triggers import TIE

# In place of globs: the head of the network, and what no other group of a list matches.
HEAD, REST = "head", "rest"

# A new head begins close to "all classes alike", so that its first gradients do not tear at the
# backbone (Girshick et al., section 2.3).
HEAD_STD = 0.01

# By parameter or layer: the iteration after which it learns, or None for never in this run.
Moments = dict[str, tuple[float, str] | None]


@dataclass(frozen=True)
class Group:
    """Parameters that share a learning rate.

    Attributes:
        match: Globs on their names, or "head", or "rest".
        lr_scale: What the learning rate is multiplied by for them, above 0.
    """

    match: tuple[str, ...]
    lr_scale: float = 1.0


def matches(name: str, pattern: str) -> bool:
    """Whether a parameter is meant by a glob; the name of a part means all that is in it.

    Example:
        >>> [matches("layer1.0.conv1.weight", each) for each in ("layer1", "layer1.*", "layer")]
        [True, True, False]
    """
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def head_of(model: nn.Module) -> str:
    """The name of a classifier's last linear layer or 1 x 1 convolution: what a new task replaces.

    Raises:
        RecipeError: If it has neither.
    """
    names: list[str] = [name for name, module in model.named_modules() if _is_head(module)]
    if not names:
        raise RecipeError(
            "this network has no linear layer or 1 x 1 convolution that could be its head",
            where="model.name",
            do="choose another, or leave fine-tuning out",
        )
    return names[-1]


def reset_head(model: nn.Module) -> None:
    """Start a classifier's head anew: weights from N(0, 0.01²), biases 0."""
    head = model.get_submodule(head_of(model))
    assert isinstance(head, nn.Linear | nn.Conv2d)
    nn.init.normal_(head.weight, std=HEAD_STD)
    if head.bias is not None:
        nn.init.zeros_(head.bias)


def frozen(model: nn.Module, patterns: Iterable[str]) -> list[str]:
    """The names of all parameters, and normalisation layers, that the globs mean.

    Raises:
        RecipeError: If a glob means none.
    """
    names = [name for name, _ in model.named_parameters()]
    names += [name for name, module in model.named_modules() if isinstance(module, _NormBase)]
    found: list[str] = []
    for pattern in patterns:
        meant = [name for name in names if matches(name, pattern)]
        if not meant:
            raise _nothing(pattern, model, where="model.freeze")
        found += meant
    return list(dict.fromkeys(found))


def freeze(model: nn.Module, patterns: Iterable[str]) -> None:
    """Freeze parts of a model for good: no gradients, and BatchNorm keeps its statistics.

    Their BatchNorm layers stay in evaluation mode through every later `model.train()`, which would
    otherwise let their running statistics move on (github.com/pytorch/pytorch/issues/86590).

    Args:
        model: It is changed.
        patterns: Globs on the names of parameters, or names of parts.

    Raises:
        RecipeError: If a glob means nothing.
    """
    names = set(frozen(model, patterns))
    for name, parameter in model.named_parameters():
        if name in names:
            parameter.requires_grad = False
            parameter.grad = None
    for name, module in model.named_modules():
        if name in names:
            hold(module)


def hold(layer: nn.Module) -> None:
    """Put a layer into evaluation mode, and let `train()` pass it over."""
    layer.eval()
    layer.__dict__["train"] = lambda mode=True: layer  # noqa: ARG005


def release(layer: nn.Module) -> None:
    """Undo `hold`: the layer is in training mode, and follows `train()` again."""
    layer.__dict__.pop("train", None)
    layer.train()


def moments(
    model: nn.Module,
    patterns: Iterable[str],
    unfreeze: Sequence[tuple[float, str]],
    *,
    last_iteration: int,
) -> Moments:
    """When each frozen parameter and layer begins to learn, for the extension Freeze.

    Args:
        model: The network.
        patterns: What is frozen from the start.
        unfreeze: Pairs of a part of the run (0.3: after three tenths) and a glob; of two that mean
            the same parameter, the earlier counts.
        last_iteration: The run's.

    Raises:
        RecipeError: If a glob means nothing, or something that is not frozen.
    """
    until: Moments = dict.fromkeys(frozen(model, patterns))
    for part, pattern in unfreeze:
        meant = [name for name in until if matches(name, pattern)]
        if not meant:
            raise RecipeError(
                f"nothing frozen is meant by {pattern!r}",
                where="model.unfreeze",
                do="name parameters that model.freeze means",
            )
        iteration = max(1, ceil(part * last_iteration - TIE))
        for name in meant:
            n, _ = until[name] or (inf, "")
            until[name] = (min(n, iteration), "iteration")
    return until


def parameter_groups(
    model: nn.Module, groups: Sequence[Group], *, where: str = "optimizer.groups"
) -> list[tuple[list[nn.Parameter], float]]:
    """Share a model's parameters out: each falls in exactly one group.

    Args:
        model: Whose parameters.
        groups: Who takes which.
        where: For messages.

    Returns:
        The parameters and the factor of the learning rate of each group.

    Raises:
        RecipeError: If a parameter falls in no group or in two, or a group takes none.
    """
    given = [_named(model, group.match) for group in groups]
    shared: list[list[nn.Parameter]] = [[] for _ in groups]
    rest = next((i for i, group in enumerate(groups) if REST in group.match), None)
    for name, parameter in model.named_parameters():
        owners = [i for i, names in enumerate(given) if name in names]
        if not owners and rest is not None:
            owners = [rest]
        if len(owners) != 1:
            found = "in no group" if not owners else f"in {len(owners)} groups"
            raise RecipeError(
                f"the parameter {name} falls {found}",
                where=where,
                do=f'match it once; "match: {REST}" takes what no other group does',
            )
        shared[owners[0]].append(parameter)
    for group, parameters in zip(groups, shared, strict=True):
        if not parameters:
            raise _nothing(", ".join(group.match), model, where=where)
    return [(held, group.lr_scale) for held, group in zip(shared, groups, strict=True)]


def _named(model: nn.Module, patterns: Iterable[str]) -> set[str]:
    """The parameters that the globs mean; "head" is the last layer, "rest" none yet."""
    globs = [head_of(model) if each == HEAD else each for each in patterns if each != REST]
    return {
        name for name, _ in model.named_parameters() if any(matches(name, glob) for glob in globs)
    }


def _is_head(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (
        isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
    )


def _nothing(pattern: str, model: nn.Module, *, where: str) -> RecipeError:
    names = [name for name, _ in model.named_modules() if name]
    parts = ", ".join(name for name, _ in model.named_children())
    advice = nearest(pattern, names, otherwise=f"name a part of {parts}, or a glob such as 'a.*'")
    return RecipeError(f"no parameter of the model is meant by {pattern!r}", where=where, do=advice)
