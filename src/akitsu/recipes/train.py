"""From a recipe to a run directory: check the data, train, score, export, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from akitsu import __version__
from akitsu.data.formats.findings import Finding, raise_if_broken
from akitsu.data.formats.pixel_table import LABEL, read_header
from akitsu.data.formats.registry import Reader, find_reader
from akitsu.data.streamed import Pictures
from akitsu.errors import DataError, RecipeError
from akitsu.files import write_json, write_text
from akitsu.models import registry
from akitsu.recipes import directory, few_shot
from akitsu.recipes.assemble import hang_extensions, load_pictures, make_updater
from akitsu.recipes.engine import is_first_process, make_fabric, make_schedule
from akitsu.recipes.finish import finish
from akitsu.recipes.pretraining import AUTO, begin_with, card_with, settle, weights_of
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.trained import build_network, open_run, read_split, reader_options
from akitsu.runtime.card import ModelCard
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.training.interrupts import TerminatedError
from akitsu.training.processes import in_the_first, one_voice
from akitsu.training.snapshot import resume, snapshots
from akitsu.training.trainer import Trainer
from akitsu.training.weights import save_weights

Say = Callable[[str], object]
Weights = Mapping[str, Tensor]
Facts = dict[str, Any]


def train(
    recipe: Recipe,
    out: Path | None = None,
    *,
    say: Say,
    force: bool = False,
    extend: Callable[[Trainer], object] | None = None,
    answer: Path | None = None,
) -> Path:
    """Run a recipe to its end, or to the end of what an earlier call of the same began.

    Where the recipe names several devices, or torchrun started this program, every process makes
    this call; the first one speaks, and writes.

    Args:
        recipe: What to run.
        out: The run's folder; None: `runs/<recipe>/<n>`.
        say: Is told in plain lines what is going on.
        force: Replace a run that is in `out`.
        extend: Hangs further extensions on the run.
        answer: A table of pixels to answer as soon as there are weights, with submission.csv in
            the run's folder.

    Returns:
        The run's folder.

    Raises:
        FaultsError: If pictures or labels are broken: all faults at once, before the first step.
        OutputError: If `out` holds something else.
        RecipeError: If the recipe names what there is not.
        DataError: If there is no such table to answer, or the recipe is for no classifier.
    """
    started_at_s = monotonic()
    require_runnable(recipe)
    if answer is not None:
        _check_answerable(recipe, answer)
    fabric, chosen = make_fabric(recipe)
    say = say if fabric.is_global_zero else _silent
    with one_voice(fabric):
        return _train(
            recipe,
            out,
            fabric,
            chosen=chosen,
            started_at_s=started_at_s,
            say=say,
            force=force,
            extend=extend,
            answer=answer,
        )


def _train(
    recipe: Recipe,
    out: Path | None,
    fabric: Fabric,
    *,
    chosen: str,
    started_at_s: float,
    say: Say,
    force: bool,
    extend: Callable[[Trainer], object] | None,
    answer: Path | None,
) -> Path:
    recipe = in_the_first(fabric, lambda: settle(recipe, say=say))
    require_runnable(recipe)
    format_name = in_the_first(fabric, lambda: check(recipe, say)).name
    training_set = read_split(recipe, recipe.data.train)
    validation_set = read_split(recipe, recipe.data.validation)
    folder, resumed = in_the_first(fabric, lambda: directory.prepare(recipe, out, force=force))
    say(f"{len(training_set)} pictures to train on, {len(validation_set)} to validate; {chosen}")

    pictures = load_pictures(recipe, training_set)
    card = make_card(recipe, pictures, format_name=format_name)
    torch.manual_seed(recipe.seed)
    card, network = _begin(recipe, card, say=say)
    if fabric.is_global_zero:
        write_text(folder / directory.CARD, card.to_json() + "\n")
    network.to(fabric.device).task.prepare(pictures)
    if recipe.method == "few-shot":
        weights, facts = _fit_once(recipe, network, pictures, folder, say=say)
    else:
        if recipe.model.new_head == "fitted":
            _fit_head(recipe, network, pictures, say=say)
        updater = make_updater(recipe, network, pictures, fabric=fabric)
        trainer = Trainer(updater, stop=recipe.stop, out=folder)
        hang_extensions(trainer, recipe, network=network, validation_set=validation_set, card=card)
        if extend is not None:
            extend(trainer)
        weights, facts = _train_on(trainer, resumed=resumed, say=say)
    before = round(monotonic() - started_at_s - facts["training_seconds"], 1)
    facts = {"seed": recipe.seed, "engine": chosen, **facts, "seconds_before_training": before}

    def end() -> None:
        save_weights(weights, folder / "final.safetensors")
        if recipe.extensions.evaluate is None:
            save_weights(weights, folder / directory.WEIGHTS)  # there is no better than the last
        write_json(folder / "environment.json", directory.environment(**facts))
        finish(open_run(folder), validation_set, say=say, answer=answer)

    in_the_first(fabric, end)
    return folder


def _begin(recipe: Recipe, card: ModelCard, *, say: Say) -> tuple[ModelCard, Network]:
    """The network as it is before the first step, and a card that says how it normalises."""
    found = weights_of(recipe)
    if found is not None:
        card = card_with(card, found)
    network = build_network(recipe, card)
    if found is not None:
        say(begin_with(network, found, name=recipe.model.name))
    return card, network


def _train_on(trainer: Trainer, *, resumed: bool, say: Say) -> tuple[Weights, Facts]:
    """Train to the end, from the newest snapshot where there is one."""
    if resumed:
        iteration = resume(trainer, trainer.out / "snapshots", warn=say)
        if iteration:
            say(f"{trainer.out}: resumed at iteration {iteration} of {trainer.last_iteration}")
    _run(trainer, say)
    if trainer.stopped is not None:
        say(f"stopped at iteration {trainer.updater.iteration}: {trainer.stopped}")
    return trainer.updater.best_weights(), {"training_seconds": round(trainer.elapsed_s, 1)}


def _fit_head(recipe: Recipe, network: Network, pictures: Pictures, *, say: Say) -> few_shot.Fit:
    mirror, input_hw = recipe.augment.flip > 0, recipe.model.input_hw
    return few_shot.fit_head(network, pictures, input_hw=input_hw, mirror=mirror, say=say)


def _fit_once(
    recipe: Recipe, network: Network, pictures: Pictures, folder: Path, *, say: Say
) -> tuple[Weights, Facts]:
    """Fit the head on frozen features; there is nothing to resume, it takes seconds."""
    started_at_s = monotonic()
    fit = _fit_head(recipe, network, pictures, say=say)
    weights = network.model.state_dict()
    if is_first_process():
        save_weights(weights, folder / directory.WEIGHTS)
        if fit.accuracies:
            few_shot.draw(fit, folder / few_shot.PICTURE)
    return weights, {
        "training_seconds": round(monotonic() - started_at_s, 1),
        "features": fit.features,
        "strength": fit.strength,
        "cross_validated_accuracy": fit.accuracy,
    }


def _run(trainer: Trainer, say: Say) -> None:
    """Train; who interrupts it is told what is saved."""
    try:
        trainer.run()
    except (KeyboardInterrupt, TerminatedError):
        newest = next(iter(snapshots(trainer.out / "snapshots")), None)
        stands = (
            "nothing is saved yet, the same command begins anew"
            if newest is None
            else f"saved at iteration {newest.stem} of {trainer.last_iteration}, the same command "
            "goes on from there"
        )
        say(f"{trainer.out}: {stands}")
        raise


def require_runnable(recipe: Recipe) -> None:
    """Check all of a recipe that can be checked without its data.

    Raises:
        RecipeError: If it names what there is not.
    """
    if recipe.model.name != AUTO:
        registry.entry(recipe.model.name, task=recipe.task)
        registry.require_options(recipe.model.name, recipe.model.options)
        if recipe.augment.sizes_hw and "input_hw" in registry.entry(recipe.model.name).options():
            what = f"{recipe.model.name} takes pictures of one size alone"
            do = "leave it out, or take another network"
            raise RecipeError(what, where="augment.sizes_hw", do=do)
    make_task(recipe.task, recipe.loss)
    make_schedule(recipe.schedule)
    if recipe.extensions.evaluate is None and recipe.extensions.patience is not None:
        raise RecipeError(
            "a run that is never scored on the way cannot end for want of a better score",
            where="extensions.patience",
            do="set it to null, or say in extensions.evaluate how often to score",
        )


def _check_answerable(recipe: Recipe, table: Path) -> None:
    """Refuse before the training what could not be answered after it."""
    if recipe.task != "classification":
        raise DataError(
            f"a table of pixels is for classifiers, and {recipe.name} does {recipe.task}",
            where=table,
            do="leave --predict out, and use `akitsu predict` on pictures",
        )
    height, width = recipe.model.input_hw
    columns = read_header(table)
    pixels = len(columns) - (LABEL in columns)
    if pixels != height * width:
        raise DataError(
            f"pictures of {pixels} pixels where the model wants {height} x {width}",
            where=table,
            do="use the table that belongs to the training data",
        )


def _silent(text: str) -> None:
    """What the other processes say."""


def check(recipe: Recipe, say: Say) -> Reader:
    """The doctor's checks on both splits, before anything else.

    Returns:
        The reader of the recipe's format; warnings alone are only counted.

    Raises:
        FaultsError: With every error, unless the recipe skips what is broken.
    """
    path = Path(recipe.data.path) if recipe.data.path else None
    reader = find_reader(path, recipe.data.format)
    if reader.task != recipe.task:
        raise RecipeError(
            f"{reader.name} is a format for {reader.task}, and the task is {recipe.task}",
            where="data.format",
            do=f"use a recipe for {reader.task}, or other data",
        )
    findings: list[Finding] = []
    for split in dict.fromkeys((recipe.data.train, recipe.data.validation)):
        findings += reader.examine(path or Path(), split, reader_options(recipe))
    # A table that both splits are cut from is examined whole for each of them.
    findings = list(dict.fromkeys(findings))
    if not recipe.data.skip_broken:
        raise_if_broken(findings, path or Path())
    if findings:
        kinds = sorted({finding.code for finding in findings})
        say(
            f"{len(findings)} findings in the data ({', '.join(kinds)}): see them all with "
            f"`akitsu doctor {recipe.data.path}`"
        )
    return reader


def make_card(recipe: Recipe, pictures: Pictures, *, format_name: str) -> ModelCard:
    """What the model file will say of itself, before it has scores."""
    mean, std = pictures.channel_statistics()
    return ModelCard(
        task=recipe.task,
        model=recipe.model.name,
        classes=tuple(pictures.classes),
        input_hw=recipe.model.input_hw,
        channels=recipe.model.channels,
        pad_value=recipe.model.pad_value,
        tile_overlap=recipe.model.tile_overlap,
        normalisation={"mean": mean, "std": std},
        decoding=make_task(recipe.task, recipe.loss).decoding,
        licence="that of the training data",
        provenance={
            "akitsu": __version__,
            "recipe": recipe.name,
            "seed": recipe.seed,
            "torch": torch.__version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        },
        data={
            "format": format_name,
            "classes": list(pictures.classes),
            "ignore": recipe.data.ignore,
            "pictures": len(pictures),
        },
    )
