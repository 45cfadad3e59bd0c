"""A run small enough to be made dozens of times, with everything in it that a resume could lose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from akitsu.training.average import Average
from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.hooks import GradientClipping
from akitsu.training.reporter import report
from akitsu.training.schedules import one_cycle
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

PICTURES, FEATURES = 22, 6
BATCH_SIZE = 4  # 5 iterations an epoch, 2 pictures left over


def pictures() -> tuple[Tensor, Tensor]:
    inputs = torch.randn(PICTURES, FEATURES, generator=torch.Generator().manual_seed(5))
    return inputs, (inputs[:, 0] > 0).long()


def tiny_model() -> nn.Module:
    """BatchNorm has buffers, and Dropout draws from the global random state."""
    return nn.Sequential(
        nn.Linear(FEATURES, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    )


def tiny_batches(seed: int = 1, **options: Any) -> ShuffledBatches:
    inputs, labels = pictures()

    def fetch(plan: Plan) -> tuple[Tensor, Tensor]:
        noise = torch.randn(plan.batch_size, FEATURES, generator=plan.generator())[plan.rows]
        return inputs[plan.indices] + 0.1 * noise, labels[plan.indices]

    return ShuffledBatches(PICTURES, BATCH_SIZE, seed=seed, fetch=fetch, **options)


def tiny_loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    logits = model(batch[0])
    report({"accuracy": (logits.argmax(1) == batch[1]).float().mean()})
    return {"loss": F.cross_entropy(logits, batch[1])}


def make_updater(
    *, precision: str = "32-true", decay: float | None = 0.9, **options: Any
) -> Updater:
    torch.manual_seed(0)
    model = options.pop("model", None) or tiny_model()
    hooks = [GradientClipping(1.0)]
    options = {"loss": tiny_loss, "schedule": one_cycle(), "hooks": hooks, **options}
    batches = options.pop("batches", None) or tiny_batches()
    optimizer = options.pop("optimizer", None) or torch.optim.AdamW(model.parameters(), lr=0.05)
    return Updater(
        batches,
        model,
        optimizer,
        fabric=Fabric(accelerator="cpu", devices=1, precision=precision),
        average=None if decay is None else Average(model, decay),
        **options,
    )


@pytest.fixture
def updater() -> Callable[..., Updater]:
    """Makes a small Updater; keywords replace its parts."""
    return make_updater


@pytest.fixture
def trainer(tmp_path: Path) -> Callable[..., Trainer]:
    """Makes a Trainer without extensions over a small Updater, for three epochs of five."""

    def make(*, stop: tuple[int, str] = (3, "epoch"), out: Path = tmp_path, **options: Any):
        return Trainer(make_updater(**options), stop=stop, out=out)

    return make
