"""The parts of a recipe's run, put together: pictures, updater, and what hangs on the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points

import numpy as np
from lightning_fabric import Fabric
from torch import Tensor, nn

from akitsu.data import memory
from akitsu.data.augment import Augmentation, Chance
from akitsu.data.formats.pool import in_threads
from akitsu.data.memory import Batch
from akitsu.data.sample import Dataset
from akitsu.data.streamed import Pictures, StreamedPictures
from akitsu.errors import RecipeError, nearest
from akitsu.recipes.engine import make_optimizer, make_schedule
from akitsu.recipes.recipe import Recipe
from akitsu.report.curves import draw_log
from akitsu.runtime.card import ModelCard
from akitsu.runtime.threads import available_threads
from akitsu.scores.evaluate import evaluate
from akitsu.tasks.network import Network
from akitsu.training import finetune
from akitsu.training.average import Average
from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.compiled import CompiledUpdater
from akitsu.training.extensions.early_stopping import EarlyStopping
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.fail_on_non_number import FailOnNonNumber
from akitsu.training.extensions.freeze import Freeze
from akitsu.training.extensions.keep_best import KeepBest
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.plot_report import PlotReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.hooks import GradientClipping
from akitsu.training.processes import gathered
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater, scales_gradients

DRAW_EVERY_S = 30


@dataclass(frozen=True)
class Fetcher:
    """Makes the batch of a plan: pictures as they are stored, then augmented.

    Of `sizes_hw` another one is drawn every `sizes_every` iterations.
    """

    pictures: Pictures
    augmentation: Augmentation
    size_hw: tuple[int, int]
    pad_value: float
    sizes_hw: tuple[tuple[int, int], ...] = ()
    sizes_every: int = 1

    def __call__(self, plan: Plan) -> Batch:
        """The part of the batch that falls to this process."""
        shown_hw = None
        if self.sizes_hw:
            shown_hw = self.sizes_hw[plan.one_of(len(self.sizes_hw), every=self.sizes_every)]
        return memory.augmented(
            self.pictures.batch(plan.indices),
            self.augmentation,
            size_hw=self.size_hw,
            pad_value=self.pad_value,
            chance=Chance(plan.generator(), plan.batch_size, plan.rows),
            shown_hw=shown_hw,
        )


def load_pictures(recipe: Recipe, dataset: Dataset) -> Pictures:
    """The training pictures in memory, or read from the disk for each batch."""
    size_hw = recipe.data.size_hw or recipe.model.input_hw
    if recipe.model.tile_overlap and recipe.data.size_hw is None:
        size_hw = _largest(dataset)
    channels, pad_value = recipe.model.channels, recipe.model.pad_value
    in_memory = recipe.data.in_memory
    if in_memory is None:
        in_memory = memory.fits(len(dataset), size_hw, channels)
    make = memory.load if in_memory else StreamedPictures
    return make(dataset, size_hw=size_hw, channels=channels, pad_value=pad_value)


def _largest(dataset: Dataset) -> tuple[int, int]:
    """Rows and columns in which every picture of the set has room at its own size."""
    samples = in_threads(dataset.__getitem__, range(len(dataset)))
    rows, columns = np.max([sample.image.shape[:2] for sample in samples], axis=0)
    return int(rows), int(columns)


def make_updater(
    recipe: Recipe, network: Network, pictures: Pictures, *, fabric: Fabric
) -> Updater:
    """What learns: batches, network, optimizer and what follows them, as the recipe says."""
    decay, clip_norm = recipe.extensions.average, recipe.optimizer.clip_norm
    kind = CompiledUpdater if recipe.engine.compile == "step" else Updater
    return kind(
        _batches(recipe, pictures, fabric=fabric),
        network.model,
        lambda: make_optimizer(network.model, recipe.optimizer, scaled=scales_gradients(fabric)),
        loss=_loss_of(network),
        fabric=fabric,
        schedule=make_schedule(recipe.schedule),
        hooks=[] if clip_norm is None else [GradientClipping(clip_norm)],
        average=None if decay is None else Average(network.model, decay),
        accumulate=recipe.engine.accumulate,
        seed=recipe.seed,
    )


def _batches(recipe: Recipe, pictures: Pictures, *, fabric: Fabric) -> ShuffledBatches:
    settings = recipe.augment.model_dump()
    size_hw = settings.pop("crop_hw") or recipe.model.input_hw
    sizes_hw, sizes_every = settings.pop("sizes_hw"), settings.pop("sizes_every")
    fetch = Fetcher(
        pictures,
        Augmentation(**settings),
        size_hw=tuple(size_hw),
        # Grey beside a picture is as the robot pads; erased and empty parts are alike then.
        pad_value=float(recipe.model.pad_value),
        sizes_hw=tuple(map(tuple, sizes_hw)),
        sizes_every=sizes_every,
    )
    workers = recipe.engine.workers
    if workers is None:
        workers = available_threads() if isinstance(pictures, StreamedPictures) else 0
    return ShuffledBatches(
        len(pictures),
        recipe.batch_size,
        seed=recipe.seed,
        fetch=fetch,
        share=(fabric.global_rank, fabric.world_size),
        workers=workers,
        block=pictures.block if isinstance(pictures, StreamedPictures) else None,
    )


def _loss_of(network: Network) -> Callable[[nn.Module, Batch], dict[str, Tensor]]:
    def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return network.task.loss(model, network.normalise(batch.images), batch)

    return loss


def hang_extensions(
    trainer: Trainer,
    recipe: Recipe,
    *,
    network: Network,
    validation_set: Dataset,
    card: ModelCard,
) -> None:
    """Hang the recipe's extensions on the run."""
    settings = recipe.extensions
    key = f"validation/main/{network.task.score}"
    if settings.evaluate is not None:
        score = _scorer(trainer.updater, network, validation_set, card)
        trainer.extend(Evaluator(score), trigger=settings.evaluate)
        trainer.extend(KeepBest(key), trigger=settings.evaluate)
        if settings.patience is not None:
            stopping = EarlyStopping(key, patience=settings.patience)
            trainer.extend(stopping, trigger=settings.evaluate)
    if recipe.model.freeze or recipe.model.unfreeze:
        trainer.extend(_freeze(trainer, recipe, network.model))
    trainer.extend(LogReport(), trigger=(1, "epoch"))
    trainer.extend(PrintReport(["epoch", "elapsed_s", "main/loss", key]))
    trainer.extend(ProgressBar())
    plot = PlotReport(lambda rows, path: draw_log(path, rows, best=key))
    plot.at_end = False  # the whole curve is drawn with the report
    trainer.extend(plot, trigger=(DRAW_EVERY_S, "second"))
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


def _freeze(trainer: Trainer, recipe: Recipe, model: nn.Module) -> Freeze:
    """What the recipe freezes, until the parts of the run that it names."""
    settings, last = recipe.model, trainer.last_iteration
    return Freeze(finetune.moments(model, settings.freeze, settings.unfreeze, last_iteration=last))


def _scorer(
    updater: Updater, network: Network, dataset: Dataset, card: ModelCard
) -> Callable[[nn.Module], dict[str, float]]:
    """Scores a model on the set: each process takes an even run of it, no picture counts twice.

    Where the weights are sharded every process takes the whole set, since all of them are needed
    for each picture.
    """
    fabric, sharded = updater.fabric, updater.sharded
    number, processes = (0, 1) if sharded else (fabric.global_rank, fabric.world_size)
    first, end = ((number + more) * len(dataset) // processes for more in (0, 1))

    def score(model: nn.Module) -> dict[str, float]:
        judged = Network(model, network.task, mean=[0.0], std=[1.0])
        judged.mean, judged.std = network.mean, network.std

        def predict(inputs: np.ndarray) -> dict[str, np.ndarray]:
            with fabric.autocast():
                return judged.predict_inputs(inputs)

        own = evaluate(predict, dataset, card, indices=range(first, end))
        whole, *others = [own] if sharded else gathered(fabric, own)
        for other in others:
            whole.extend(other)  # type: ignore[arg-type]  # all are scores of one task
        return {name: value for name, value in whole.values().items() if "/" not in name}

    return score
