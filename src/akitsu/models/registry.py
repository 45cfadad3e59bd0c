"""The models by name: each registers itself in its own file, and a new file is enough."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from torch import nn

from akitsu.errors import RecipeError, ShapeError, nearest
from akitsu.gather import import_all

Task = Literal["classification", "detection", "segmentation"]
Builder = Callable[..., nn.Module]

# timm's networks are looked up when one is named: to import timm takes seconds.
TIMM = "timm/"


@dataclass(frozen=True)
class ModelEntry:
    """What `akitsu models` knows about a model.

    Attributes:
        name: As written in a recipe.
        task: The question that it answers.
        paper: Its main source, such as "arXiv:1505.04597".
        year: Of that source.
        build: `(classes, in_channels=3, **options) -> nn.Module`.
        least_side: Pixels of the shortest side of a picture that leaves it something to look at.
        library: The package that its code is from, such as "torchvision"; "" if it is ours.
        backbone: The registered classifier that a detector's trunk is, whose weights it can take.
    """

    name: str
    task: Task
    paper: str
    year: int
    build: Builder
    least_side: int = 1
    library: str = ""
    backbone: str = ""

    @property
    def page(self) -> str:
        """The builder's docstring: shapes, parameter count, options."""
        return inspect.cleandoc(self.build.__doc__ or "")

    def options(self) -> dict[str, Any]:
        """The keyword options of the builder with their defaults."""
        parameters = list(inspect.signature(self.build).parameters.values())[2:]
        return {parameter.name: parameter.default for parameter in parameters}


_entries: dict[str, ModelEntry] = {}


def register(
    name: str,
    *,
    task: Task,
    paper: str,
    year: int,
    least_side: int = 1,
    library: str = "",
    backbone: str = "",
) -> Callable[[Builder], Builder]:
    """Register a builder `(classes, in_channels=3, **options) -> nn.Module` under `name`."""

    def enter(build: Builder) -> Builder:
        _entries[name] = ModelEntry(name, task, paper, year, build, least_side, library, backbone)
        return build

    return enter


@cache
def _walk() -> None:
    folders = (f"akitsu.models.{task}" for task in get_args(Task))
    import_all(*folders, entry_point="akitsu.models")


def entries() -> dict[str, ModelEntry]:
    """All models by name, third parties' (entry point group `akitsu.models`) included."""
    _walk()
    return dict(sorted(_entries.items()))


def entry(name: str, *, task: str | None = None) -> ModelEntry:
    """The model called `name`.

    Raises:
        RecipeError: If there is none, or it answers another question than `task`.
    """
    if name.startswith(TIMM):
        from akitsu.models import timm_models

        if task in (None, "classification"):
            return timm_models.entry(name)
    known = entries()
    fitting = [each.name for each in known.values() if task in (None, each.task)]
    choices = "choose one of " + ", ".join(fitting)
    if name not in known:
        raise RecipeError(
            f"there is no model {name!r}",
            do=nearest(name, fitting, otherwise=choices),
            where="model.name",
        )
    if name not in fitting:
        raise RecipeError(
            f"{name} is a model for {known[name].task}, and the task is {task}",
            do=choices,
            where="model.name",
        )
    return known[name]


def build(
    name: str,
    classes: int,
    *,
    in_channels: int,
    input_hw: tuple[int, int],
    options: dict[str, Any] | None = None,
) -> nn.Module:
    """Make the model called `name`, with the options that a recipe gives.

    Args:
        name: A registered name.
        classes: K, the length of the class list.
        in_channels: 3 for RGB, 1 for grey.
        input_hw: Rows and columns, for the models whose layers depend on it.
        options: The builder's own keywords.

    Raises:
        RecipeError: If the model or one of its options does not exist.
        ShapeError: If the pictures are too small for it.
    """
    found = entry(name)
    given = dict(options or {})
    require_options(name, given)
    if min(input_hw) < found.least_side:
        raise ShapeError(
            f"pictures of {input_hw[0]} x {input_hw[1]} are too small for {name}",
            do=f"set model.input_hw to [{found.least_side}, {found.least_side}] or more",
        )
    if "input_hw" in found.options():
        given.setdefault("input_hw", input_hw)
    return found.build(classes, in_channels, **given)


def require_options(name: str, options: dict[str, Any]) -> None:
    """Refuse what the model called `name` does not know, before anything is loaded for it.

    Raises:
        RecipeError: If the model or one of its options does not exist.
    """
    known = entry(name).options()
    for key in options:
        if key not in known:
            named = ", ".join(known) or "none"
            raise RecipeError(
                f"{name} has no option {key!r}",
                do=nearest(key, known, otherwise=f"its options are: {named}"),
                where=f"model.{key}",
            )
