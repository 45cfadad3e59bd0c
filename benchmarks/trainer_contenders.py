"""One small training under one loop after another; `benchmarks/trainer.py` measures them.

Each takes the same batches, starts with the same weights, and has to end at the same ones. To add
a contender, write a function from a Job to the trained network, and a line in CONTENDERS.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.compiled import CompiledUpdater
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

PIXELS, HIDDEN, CLASSES = 28 * 28, 100, 10
BATCH_SIZE, LEARNING_RATE = 32, 0.01
# Iterations before the clock starts: set-up, compilation and first allocations are not the loop.
WARM_UP = 20

Batch = tuple[Tensor, Tensor]


class Job:
    """What is trained, and the clock of the training that runs.

    Args:
        samples: Random pictures in the only epoch.
        seed: Of pictures, labels, order and weights.
        folder: Where a contender may write.
    """

    def __init__(self, samples: int, *, seed: int, folder: Path) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.inputs = torch.rand(samples, PIXELS, generator=generator)
        self.labels = torch.randint(0, CLASSES, (samples,), generator=generator)
        # As akitsu shuffles, so that all have the same batches.
        batches = ShuffledBatches(samples, BATCH_SIZE, seed=seed, fetch=lambda plan: plan.indices)
        self.order = [next(batches) for _ in range(batches.batches_per_epoch)]
        self.seed, self.folder = seed, folder
        self._fetched, self._started_s, self._ended_s = 0, 0.0, 0.0

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        return map(self.fetch, self.order)

    @property
    def microseconds(self) -> float:
        """An iteration's share of the time between the two moments."""
        return (self._ended_s - self._started_s) / (len(self) - WARM_UP) * 1e6

    def start(self) -> tuple[nn.Module, torch.optim.Optimizer]:
        """A new network and its optimizer."""
        self._fetched = 0
        torch.manual_seed(self.seed)
        layers = [nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
        model = nn.Sequential(*layers, nn.Linear(HIDDEN, CLASSES))
        return model, torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, fused=True)

    def fetch(self, indices: Tensor) -> Batch:
        if self._fetched == WARM_UP:
            self._started_s = time.perf_counter()
        self._fetched += 1
        return self.inputs.index_select(0, indices), self.labels.index_select(0, indices)

    def end(self) -> None:
        self._ended_s = time.perf_counter()


@dataclass(frozen=True)
class Contender:
    name: str
    train: Callable[[Job], nn.Module]
    package: str | None = None

    @property
    def missing(self) -> bool:
        return self.package is not None and find_spec(self.package) is None


def hand_written(job: Job) -> nn.Module:
    model, optimizer = job.start()
    for inputs, labels in job:
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    job.end()
    return model


def akitsu(job: Job, kind: type[Updater] = Updater) -> nn.Module:
    """With a log, a table and a bar."""
    model, optimizer = job.start()

    def fetch(plan: Plan) -> Batch:
        return job.fetch(plan.indices)

    def loss(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(network(batch[0]), batch[1])}

    batches = ShuffledBatches(len(job.labels), BATCH_SIZE, seed=job.seed, fetch=fetch)
    fabric = Fabric(accelerator="cpu", devices=1)
    updater = kind(batches, model, optimizer, loss=loss, fabric=fabric)
    trainer = Trainer(updater, stop=(1, "epoch"), out=job.folder)
    for extension in (LogReport(), PrintReport(), ProgressBar()):
        trainer.extend(extension)
    trainer.run()
    job.end()
    return model


def akitsu_compiled(job: Job) -> nn.Module:
    return akitsu(job, CompiledUpdater)


def fabric_loop(job: Job) -> nn.Module:
    model, optimizer = job.start()
    fabric = Fabric(accelerator="cpu", devices=1)
    network, optimizer = fabric.setup(model, optimizer)
    for inputs, labels in job:
        optimizer.zero_grad()
        fabric.backward(F.cross_entropy(network(inputs), labels))
        optimizer.step()
    job.end()
    return model


def pfn_extras_manager(job: Job) -> nn.Module:
    import pytorch_pfn_extras as ppe

    model, optimizer = job.start()
    manager = ppe.training.ExtensionsManager(
        model,
        optimizer,
        max_epochs=1,
        iters_per_epoch=len(job),
        out_dir=str(job.folder),
        extensions=_pfn_extensions(),
    )
    for inputs, labels in job:
        with manager.run_iteration():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), labels)
            ppe.reporting.report({"loss": loss.item()})
            loss.backward()
            optimizer.step()
    job.end()
    return model


def pfn_extras_trainer(job: Job) -> nn.Module:
    import pytorch_pfn_extras as ppe

    class Loss(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()
            self.network = network

        def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
            loss = F.cross_entropy(self.network(inputs), labels)
            ppe.reporting.report({"loss": loss.item()})
            return {"loss": loss}

    model, optimizer = job.start()
    network = ppe.to(Loss(model), "cpu")
    trainer = ppe.engine.create_trainer(
        network, optimizer, 1, out_dir=str(job.folder), extensions=_pfn_extensions()
    )
    trainer.run(job, train_len=len(job))
    job.end()
    return model


def _pfn_extensions() -> list[Any]:
    import sys

    from pytorch_pfn_extras.training import extensions

    # They keep the sys.stdout of their import, which is the real one.
    columns = ["epoch", "iteration", "loss", "elapsed_time"]
    return [
        extensions.LogReport(),
        extensions.PrintReport(columns, out=sys.stdout),
        extensions.ProgressBar(out=sys.stdout),
    ]


def lightning(job: Job) -> nn.Module:
    import lightning as pl
    from lightning.pytorch.callbacks import TQDMProgressBar
    from lightning.pytorch.loggers import CSVLogger

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network, self._optimizer = job.start()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return self._optimizer

        def training_step(self, batch: Batch, index: int) -> Tensor:  # noqa: ARG002
            loss = F.cross_entropy(self.network(batch[0]), batch[1])
            self.log("loss", loss, prog_bar=True)
            self.log("mean_loss", loss, on_step=False, on_epoch=True)
            return loss

        def on_train_end(self) -> None:
            job.end()

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = Module()
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=CSVLogger(job.folder),
        # The faster of its two bars.
        callbacks=[TQDMProgressBar()],
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    with warnings.catch_warnings(action="ignore"):  # that batches come without worker processes
        trainer.fit(module, job)
    return module.network


HAND_WRITTEN = Contender("hand-written", hand_written)
AKITSU = Contender("akitsu", akitsu)
CONTENDERS = (
    HAND_WRITTEN,
    AKITSU,
    Contender("akitsu, step compiled", akitsu_compiled),
    Contender("Lightning Fabric loop", fabric_loop),
    Contender("pytorch-pfn-extras manager", pfn_extras_manager, "pytorch_pfn_extras"),
    Contender("pytorch-pfn-extras Trainer", pfn_extras_trainer, "pytorch_pfn_extras"),
    Contender("Lightning Trainer", lightning, "lightning"),
)
