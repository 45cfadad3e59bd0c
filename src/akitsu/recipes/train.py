"""From a recipe to a run directory: check the data, train, score, export, report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from time import monotonic

import numpy as np
import torch
from torch import Tensor, nn

from akitsu import __version__
from akitsu.data import memory
from akitsu.data.augment import Augmentation
from akitsu.data.formats.findings import Finding, raise_if_broken
from akitsu.data.formats.registry import Reader, find_reader
from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.data.sample import Dataset
from akitsu.errors import RecipeError, nearest
from akitsu.files import write_json, write_text
from akitsu.models import registry
from akitsu.recipes import directory
from akitsu.recipes.engine import make_fabric, make_optimizer, make_schedule
from akitsu.recipes.finish import finish
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.trained import build_network, open_run, read_split, reader_options
from akitsu.report.curves import draw_log
from akitsu.runtime.card import ModelCard
from akitsu.scores.evaluate import evaluate
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.training.average import Average
from akitsu.training.batches import ShuffledBatches
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.fail_on_non_number import FailOnNonNumber
from akitsu.training.extensions.keep_best import KeepBest
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.plot_report import PlotReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater
from akitsu.training.weights import save_weights

Say = Callable[[str], object]
DRAW_EVERY_S = 30


def train(recipe: Recipe, out: Path | None = None, *, say: Say, force: bool = False) -> Path:
    """Run a recipe to its end, or to the end of what an earlier call of the same began.

    Args:
        recipe: What to run.
        out: The run's folder; None: `runs/<recipe>/<n>`.
        say: Is told in plain lines what is going on.
        force: Replace a run that is in `out`.

    Returns:
        The run's folder.

    Raises:
        FaultsError: If pictures or labels are broken: all faults at once, before the first step.
        OutputError: If `out` holds something else.
        RecipeError: If the recipe names what there is not.
    """
    started_at_s = monotonic()
    registry.entry(recipe.model.name, task=recipe.task)
    registry.require_options(recipe.model.name, recipe.model.options)
    # A wrong key shall cost no reading of pictures.
    make_task(recipe.task, recipe.loss)
    schedule = make_schedule(recipe.schedule)
    reader = check(recipe, say)
    training_set = read_split(recipe, recipe.data.train)
    validation_set = read_split(recipe, recipe.data.validation)
    folder, resumed = directory.prepare(recipe, out, force=force)
    fabric, chosen = make_fabric(recipe)
    say(f"{len(training_set)} pictures to train on, {len(validation_set)} to validate; {chosen}")

    pictures = memory.load(
        training_set,
        size_hw=recipe.data.size_hw or recipe.model.input_hw,
        channels=recipe.model.channels,
        pad_value=recipe.model.pad_value,
    )
    card = make_card(recipe, pictures, format_name=reader.name)
    write_text(folder / directory.CARD, card.to_json() + "\n")
    torch.manual_seed(recipe.seed)
    network = build_network(recipe, card)
    network.to(fabric.device).task.prepare(pictures)
    decay = recipe.extensions.average
    average = None if decay is None else Average(network.model, decay)
    updater = Updater(
        ShuffledBatches(
            len(pictures), recipe.batch_size, seed=recipe.seed, fetch=_fetcher(recipe, pictures)
        ),
        network.model,
        make_optimizer(network.model, recipe.optimizer),
        loss=_loss_of(network),
        fabric=fabric,
        schedule=schedule,
        clip_norm=recipe.optimizer.clip_norm,
        average=average,
    )
    trainer = Trainer(updater, stop=recipe.stop, out=folder)
    _extend(trainer, recipe, network=network, validation_set=validation_set, card=card)
    if resumed:
        iteration = resume(trainer, folder / "snapshots", warn=say)
        if iteration:
            say(f"{folder}: resumed at iteration {iteration} of {trainer.last_iteration}")
    trainer.run()

    save_weights(updater.best_model, folder / "final.safetensors")
    write_json(
        folder / "environment.json",
        directory.environment(
            seed=recipe.seed,
            engine=chosen,
            training_seconds=round(trainer.elapsed_s, 1),
            seconds_before_training=round(monotonic() - started_at_s - trainer.elapsed_s, 1),
        ),
    )
    finish(open_run(folder), validation_set, say=say)
    return folder


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
    if not recipe.data.skip_broken:
        raise_if_broken(findings, path or Path())
    if findings:
        kinds = sorted({finding.code for finding in findings})
        say(
            f"{len(findings)} findings in the data ({', '.join(kinds)}): see them all with "
            f"`akitsu doctor {recipe.data.path}`"
        )
    return reader


def make_card(recipe: Recipe, pictures: PicturesInMemory, *, format_name: str) -> ModelCard:
    """What the model file will say of itself, before it has scores."""
    mean, std = pictures.channel_statistics()
    return ModelCard(
        task=recipe.task,
        model=recipe.model.name,
        classes=tuple(pictures.classes),
        input_hw=recipe.model.input_hw,
        channels=recipe.model.channels,
        pad_value=recipe.model.pad_value,
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


def _fetcher(
    recipe: Recipe, pictures: PicturesInMemory
) -> Callable[[Tensor, torch.Generator], Batch]:
    settings = recipe.augment.model_dump()
    size_hw = settings.pop("crop_hw") or recipe.model.input_hw
    augmentation = Augmentation(**settings)
    # Grey beside a picture is as the robot pads; erased and empty parts are alike then.
    pad_value = float(recipe.model.pad_value)

    def fetch(indices: Tensor, generator: torch.Generator) -> Batch:
        return memory.augmented(
            pictures.batch(indices),
            augmentation,
            size_hw=tuple(size_hw),
            pad_value=pad_value,
            generator=generator,
        )

    return fetch


def _loss_of(network: Network) -> Callable[[nn.Module, Batch], dict[str, Tensor]]:
    def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return network.task.loss(model, network.normalise(batch.images), batch)

    return loss


def _extend(
    trainer: Trainer,
    recipe: Recipe,
    *,
    network: Network,
    validation_set: Dataset,
    card: ModelCard,
) -> None:
    """Hang the recipe's extensions on the run."""
    settings, fabric = recipe.extensions, trainer.updater.fabric
    key = f"validation/main/{network.task.score}"

    def score(model: nn.Module) -> dict[str, float]:
        judged = Network(model, network.task, mean=[0.0], std=[1.0])
        judged.mean, judged.std = network.mean, network.std

        def predict(inputs: np.ndarray) -> dict[str, np.ndarray]:
            with fabric.autocast():
                return judged.predict_inputs(inputs)

        values = evaluate(predict, validation_set, card).values()
        return {name: value for name, value in values.items() if "/" not in name}

    trainer.extend(Evaluator(score), trigger=settings.evaluate)
    trainer.extend(KeepBest(key), trigger=settings.evaluate)
    trainer.extend(LogReport(), trigger=(1, "epoch"))
    trainer.extend(PrintReport(["epoch", "elapsed_s", "main/loss", key]))
    trainer.extend(ProgressBar())
    trainer.extend(
        PlotReport(lambda rows, path: draw_log(path, rows, best=key)),
        trigger=(DRAW_EVERY_S, "second"),
    )
    trainer.extend(FailOnNonNumber())
    trainer.extend(Snapshot(), trigger=(max(1, round(settings.snapshot_seconds)), "second"))
    known = {point.name: point for point in entry_points(group="akitsu.extensions")}
    for name in settings.more:
        if name not in known:
            choices = "install the package that brings it"
            raise RecipeError(
                f"there is no extension {name!r}",
                where="extensions.more",
                do=nearest(name, known, otherwise=choices),
            )
        trainer.extend(known[name].load()())
