"""The compiled step is the same step: weights, buffers and the optimizer's memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from akitsu.errors import RecipeError
from akitsu.training import compiled
from akitsu.training.compiled import CompiledUpdater
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.hooks import GradientClipping, Lasso
from akitsu.training.schedules import one_cycle
from akitsu.training.snapshot import load_snapshot, resume
from akitsu.training.trainer import Trainer
from akitsu.training.updater import MAIN, Updater

from .conftest import FEATURES, tiny_batches
from .test_resume import assert_same

OPTIMIZERS = {
    "sgd": lambda groups: torch.optim.SGD(groups, lr=0.05),
    "nesterov": lambda groups: torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda groups: torch.optim.Adam(groups, lr=0.02),
    "adamw": lambda groups: torch.optim.AdamW(groups, lr=0.02, betas=(0.8, 0.99)),
}


def loss(model, batch):
    return {"loss": F.cross_entropy(model(batch[0]), batch[1])}


def make(kind, optimizer="adamw", **options):
    torch.manual_seed(0)
    # No bias below the BatchNorm: its gradient is 0 but for rounding, and Adam would enlarge that.
    below = nn.Linear(FEATURES, 8, bias=False)
    model = nn.Sequential(below, nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 2))
    groups = [
        {"params": [below.weight], "weight_decay": 0.1},
        {"params": [*model[1].parameters(), *model[3].parameters()], "weight_decay": 0.0},
    ]
    options = {"loss": loss, "schedule": one_cycle(), **options}
    updater = kind(tiny_batches(), model, OPTIMIZERS[optimizer](groups), **options)
    updater.last_iteration = 12
    return updater


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("max_norm", [None, 0.1])
def test_a_compiled_step_moves_weights_as_the_step_by_step_does(optimizer, max_norm):
    hooks = [] if max_norm is None else [GradientClipping(max_norm)]
    plain, whole = (make(kind, optimizer, hooks=hooks) for kind in (Updater, CompiledUpdater))

    for _ in range(6):
        plain.update()
        whole.update()

    for name, tensor in plain.model.state_dict().items():
        torch.testing.assert_close(whole.model.state_dict()[name], tensor, atol=2e-5, rtol=1e-4)
    memories = [each.optimizers[MAIN].state_dict()["state"] for each in (plain, whole)]
    for index, memory in memories[0].items():
        for key, tensor in memory.items():
            if tensor is not None:  # PyTorch's SGD without momentum keeps an empty place for it
                torch.testing.assert_close(memories[1][index][key], tensor, atol=2e-5, rtol=1e-3)


def run(out: Path, stop: int) -> Trainer:
    trainer = Trainer(make(CompiledUpdater), stop=(12, "iteration"), out=out)
    trainer.extend(LogReport(), trigger=(1, "iteration"))
    trainer.extend(Snapshot(), trigger=(1, "iteration"))
    trainer.extend(
        lambda trainer: trainer.stop("here"), name="end", trigger=(stop, "iteration"), priority=999
    )
    resume(trainer, out / "snapshots")
    trainer.stopped = None
    trainer.run()
    return trainer


@pytest.mark.slow
def test_a_compiled_run_resumes_bit_for_bit(tmp_path):
    run(tmp_path / "unbroken", 12)
    run(tmp_path / "cut", 5)
    run(tmp_path / "cut", 12)

    ends = [load_snapshot(tmp_path / name / "snapshots" / "12.pt") for name in ("unbroken", "cut")]

    assert_same(ends[0]["trainer"]["updater"], ends[1]["trainer"]["updater"])


@pytest.mark.slow
def test_what_is_frozen_stays_as_it_is():
    ours = make(CompiledUpdater)
    ours.model[3].requires_grad_(requires_grad=False)
    before = [each.detach().clone() for each in ours.model.parameters()]

    ours.update()

    moved = [not torch.equal(a, b) for a, b in zip(before, ours.model.parameters(), strict=True)]
    assert moved == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"hooks": [GradientClipping(1.0), Lasso(0.1)]}, "shows its gradients to no hook"),
        ({"accumulate": 2}, "takes the batch as a whole"),
    ],
)
def test_what_a_compiled_step_cannot_do_is_a_sentence(options, what):
    with pytest.raises(RecipeError, match=rf"engine.compile: a compiled step {what}.*to none"):
        make(CompiledUpdater, **options)


def test_an_optimizer_that_it_does_not_know_is_a_sentence():
    model = nn.Linear(FEATURES, 2)

    with pytest.raises(RecipeError, match="does not know this RMSprop"):
        CompiledUpdater(tiny_batches(), model, torch.optim.RMSprop(model.parameters()), loss=loss)


def test_a_computer_without_a_compiler_is_a_sentence(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)

    with pytest.raises(RecipeError, match=r"needs a C\+\+ compiler"):
        make(CompiledUpdater)
