"""A run after its training: its network, its card, its data, taken from the run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from akitsu.data.formats.registry import ReaderOptions, find_reader
from akitsu.data.sample import Dataset
from akitsu.errors import DataError
from akitsu.models import registry
from akitsu.recipes import directory
from akitsu.recipes.recipe import Recipe
from akitsu.runtime.card import ModelCard
from akitsu.runtime.threads import available_threads
from akitsu.tasks.classification import Classification
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.training.weights import load_weights


@dataclass(frozen=True)
class Trained:
    """A run that has weights."""

    folder: Path
    recipe: Recipe
    card: ModelCard
    network: Network


def open_run(folder: Path) -> Trained:
    """Load a run's best weights.

    Raises:
        DataError: If this is no run, or it has no weights yet.
        TrainingError: If the weights are of another model.
    """
    recipe = directory.read_recipe(folder)
    weights, card_file = folder / directory.WEIGHTS, folder / directory.CARD
    if not weights.is_file() or not card_file.is_file():
        raise DataError(
            "this run has no weights yet",
            where=folder,
            do="let `akitsu train` finish: the same command goes on where it stopped",
        )
    torch.set_num_threads(available_threads())
    card = ModelCard.from_json(card_file.read_text(encoding="utf-8"), where=card_file)
    network = build_network(recipe, card)
    load_weights(network.model, weights)
    return Trained(folder, recipe, card, network.eval())


def build_network(recipe: Recipe, card: ModelCard) -> Network:
    """The recipe's model, freshly initialised, with the card's normalisation."""
    model = registry.build(
        recipe.model.name,
        len(card.classes),
        in_channels=recipe.model.channels,
        input_hw=recipe.model.input_hw,
        options=recipe.model.options,
    )
    if recipe.engine.channels_last:
        model = model.to(memory_format=torch.channels_last)
    task = make_task(recipe.task, recipe.loss)
    if isinstance(task, Classification):
        task.temperature = card.temperature
    return Network(
        model,
        task,
        mean=card.normalisation["mean"],
        std=card.normalisation["std"],
    )


def read_split(recipe: Recipe, split: str, *, data: Path | None = None) -> Dataset:
    """One split of a recipe's data, or of another set of the same format."""
    path = data if data is not None else (Path(recipe.data.path) if recipe.data.path else None)
    reader = find_reader(path, recipe.data.format)
    return reader.read(path or Path(), split, reader_options(recipe))


def reader_options(recipe: Recipe) -> ReaderOptions:
    """The recipe's data section as options of a reader."""
    data = recipe.data
    return ReaderOptions(
        classes=None if data.classes is None else tuple(data.classes),
        ignore=data.ignore,
        skip_broken=data.skip_broken,
    )
