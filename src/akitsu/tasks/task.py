"""A task: what loss, decoding and the deciding score mean for one of the three questions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import signature
from typing import ClassVar

from torch import Tensor, nn

from akitsu.data.memory import Batch
from akitsu.data.streamed import Pictures
from akitsu.errors import RecipeError, nearest


class Task(ABC):
    """One question; its keywords are the keys of a recipe's `loss` section.

    Attributes:
        name: As written in recipes and model files.
        score: The metric that decides which weights are best; the higher the better.
        decoding: What a model file's outputs are, in one sentence.
    """

    name: ClassVar[str]
    score: ClassVar[str]
    decoding: ClassVar[str]

    def prepare(self, pictures: Pictures) -> None:  # noqa: B027 - most have nothing to do
        """Look at the training set once before the first step."""

    @abstractmethod
    def loss(self, model: nn.Module, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """The loss of one batch under the key `loss`, and what else shall be logged.

        Args:
            model: The network.
            images: (B, C, H, W) normalised pictures.
            batch: The targets.
        """

    @abstractmethod
    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """The outputs of a model file, in the order of `akitsu.runtime.card.OUTPUTS`."""


def make_task(name: str, options: dict[str, float | str]) -> Task:
    """The task called `name` with the `loss` section of a recipe.

    Raises:
        RecipeError: If an option does not exist or has no sensible value.
    """
    from akitsu.tasks.classification import Classification
    from akitsu.tasks.detection import Detection
    from akitsu.tasks.segmentation import Segmentation

    kinds: dict[str, type[Task]] = {
        kind.name: kind for kind in (Classification, Detection, Segmentation)
    }
    keys = list(signature(kinds[name]).parameters)
    for key, value in options.items():
        if key not in keys:
            choices = f"its keys are {', '.join(keys)}" if keys else _instead(name)
            advice = nearest(key, keys, otherwise=choices)
            raise RecipeError(
                f"the loss of {name} has no such key",
                where=f"loss.{key}",
                do=advice.replace("write ", "write loss."),
            )
        if key != "class_weights" and not isinstance(value, int | float):
            raise RecipeError(f"{value!r} is no number", where=f"loss.{key}", do="write a number")
    return kinds[name](**options)


def _instead(name: str) -> str:
    return f"it has none: a network for {name} takes such numbers as its options (model.NAME)"
