"""Foreign weight files by kind: each registers its importer, and is recognised by looking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar, TypeVar

from torch import nn

from akitsu.errors import ModelFileError
from akitsu.gather import import_all


@dataclass(frozen=True)
class Said:
    """What a person says of a file that does not say it itself; None says nothing.

    Attributes:
        model: Name of the registered network that the weights are of.
        classes: K names by index.
        input_hw: Rows and columns of the model file's input.
        mean: One number a channel, on the scale 0-1.
        std: Likewise.
        licence: Of the weights.
        weights: Where they lie, if the file itself describes the network alone.
    """

    model: str | None = None
    classes: tuple[str, ...] | None = None
    input_hw: tuple[int, int] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    licence: str | None = None
    weights: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Weights in their network, and what a model file has to say of them.

    Attributes:
        model: The network with its weights, in evaluation mode.
        name: Of the network in the registry.
        task: "classification", "detection" or "segmentation".
        classes: K names by index.
        input_hw: Rows and columns that the network was made for.
        channels: 3 (RGB) or 1 (grey).
        mean, std: One number a channel, on the scale 0-1.
        fit, crop: How a frame comes into the input, as in a model card.
        licence: Of the weights.
        provenance: Where they are from.
    """

    model: nn.Module
    name: str
    task: str
    classes: tuple[str, ...]
    input_hw: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: str = "letterbox"
    crop: float = 1.0
    licence: str = "not stated"
    provenance: dict[str, str] = field(default_factory=dict)


class Importer(ABC):
    """One kind of foreign file.

    Attributes:
        name: Short, for the card and for messages.
        describe: What the file is, in a few words.
    """

    name: ClassVar[str]
    describe: ClassVar[str]

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Whether the file at `path`, which exists and can be read, looks like this kind."""

    @abstractmethod
    def load(self, path: Path, said: Said) -> Imported:
        """Read the weights into their network.

        Raises:
            ModelFileError: If the file is broken, or of another network.
            RecipeError: If there is no network of the name that was said.
        """


I = TypeVar("I", bound=Importer)  # noqa: E741 - as R and T elsewhere
_importers: dict[str, Importer] = {}


def register(importer: type[I]) -> type[I]:
    """Class decorator: make a kind of file known."""
    _importers[importer.name] = importer()
    return importer


@cache
def _walk() -> None:
    import_all("akitsu.weights")


def importers() -> dict[str, Importer]:
    """All kinds by name, in alphabetical order."""
    _walk()
    return dict(sorted(_importers.items()))


def find_importer(path: Path) -> Importer:
    """What a file is, found by looking at it.

    Raises:
        ModelFileError: If there is no such file, or it is of no known kind.
    """
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
        fitting = [each for each in importers().values() if each.recognises(path)]
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFileError(reason, where=path, do="name a file that you may read") from error
    if is_empty or not fitting:
        kinds = "; ".join(f"{each.name}: {each.describe}" for each in importers().values())
        what = "is empty" if is_empty else f"this is no file of weights that akitsu knows ({kinds})"
        raise ModelFileError(what, where=path, do="check that it was copied whole")
    return fitting[0]
