"""The claim that the rest is built for: stopped anywhere and resumed, a run ends as if unbroken."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from akitsu.training.extensions.early_stopping import EarlyStopping
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.fail_on_non_number import FailOnNonNumber
from akitsu.training.extensions.freeze import Freeze
from akitsu.training.extensions.keep_best import KeepBest
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.micro_average import MicroAverage
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.hooks import GradientClipping, GradientNoise
from akitsu.training.reporter import report
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.value_triggers import MaxValueTrigger

from .conftest import make_updater, pictures, tiny_batches, tiny_loss

LAST = 13  # two epochs of five, and three iterations of a third
PRECISIONS = ["32-true", "bf16-mixed"]


class PowerCutError(Exception):
    """What no handler in the training catches."""


def accuracy(model: torch.nn.Module) -> dict[str, float]:
    inputs, labels = pictures()
    guesses = model(inputs + 0.01 * torch.randn(inputs.shape)).argmax(1)
    return {"accuracy": float((guesses == labels).float().mean())}


def full_trainer(out: Path, *, snapshot_every: int = 1, **options: Any) -> Trainer:
    """All extensions; the log's interval of 4 divides neither the epoch nor the run."""
    trainer = Trainer(make_updater(**options), stop=(LAST, "iteration"), out=out)
    for extension in (PrintReport(), ProgressBar(), FailOnNonNumber(), Evaluator(accuracy)):
        trainer.extend(extension)
    trainer.extend(KeepBest("validation/main/accuracy"))
    trainer.extend(LogReport(), trigger=(4, "iteration"))
    trainer.extend(Snapshot(), trigger=(snapshot_every, "iteration"))
    return trainer


def cut_off(trainer: Trainer, *, at: int) -> None:
    """Run until the power fails, after everything of that iteration."""

    def fail(trainer: Trainer) -> None:
        raise PowerCutError

    trainer.extend(fail, trigger=(at, "iteration"), priority=-1)
    with pytest.raises(PowerCutError):
        trainer.run()
    assert trainer.updater.iteration == at


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal to the last bit, through dicts, lists and tensors."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}/{index}")
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif not where.endswith("elapsed_s"):
        assert one == other, where


def log_without_times(out: Path, file: str = "log.jsonl") -> list[dict[str, float]]:
    rows = [json.loads(line) for line in (out / file).read_text().splitlines()]
    return [{key: row[key] for key in row if key != "elapsed_s"} for row in rows]


def assert_same_run(one: Trainer, other: Trainer) -> None:
    assert_same(one.state_dict(), other.state_dict())
    assert log_without_times(one.out) == log_without_times(other.out)
    best, other_best = (trainer.out / "best.safetensors" for trainer in (one, other))
    assert best.read_bytes() == other_best.read_bytes()


@pytest.fixture(scope="module", params=PRECISIONS)
def unbroken(request, tmp_path_factory) -> Trainer:
    """The run that was never stopped; with its precision, which the resumed ones have to share."""
    trainer = full_trainer(tmp_path_factory.mktemp("unbroken"), precision=request.param)
    trainer.run()
    trainer.precision = request.param  # type: ignore[attr-defined]
    return trainer


@pytest.mark.parametrize("at", range(1, LAST + 1))
def test_a_run_resumed_at_any_iteration_ends_bit_for_bit_like_the_unbroken_one(
    unbroken, tmp_path, at
):
    cut_off(full_trainer(tmp_path, precision=unbroken.precision), at=at)
    torch.manual_seed(999)
    resumed = full_trainer(tmp_path, precision=unbroken.precision)

    assert resume(resumed, tmp_path / "snapshots") == at
    resumed.run()

    assert_same_run(resumed, unbroken)


def trainer_of_all_kinds(out: Path, *, workers: int) -> Trainer:
    """Workers, parts of a batch, noise, early stopping, a frozen part: all that has a state."""
    trainer = full_trainer(
        out,
        batches=tiny_batches(workers=workers),
        accumulate=2,
        hooks=[GradientClipping(1.0), GradientNoise(0.01)],
    )
    trainer.extend(EarlyStopping("main/loss", "min", patience=2), trigger=(4, "iteration"))
    trainer.extend(
        MicroAverage("main/accuracy", "main/loss", result_key="ratio"), trigger=(4, "iteration")
    )
    trainer.extend(Freeze({"0": (7, "iteration")}))
    trainer.extend(noticed, trigger=MaxValueTrigger("main/accuracy", check=(3, "iteration")))
    return trainer


def noticed(trainer: Trainer) -> None:
    report({"best_accuracy_yet": trainer.updater.iteration})


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("at", [2, 5, 7, 9, 11])
def test_a_run_with_all_that_has_a_state_resumes_bit_for_bit(
    all_kinds_unbroken, tmp_path, at, workers
):
    """With workers or without, then or now: the batches are the same."""
    cut_off(trainer_of_all_kinds(tmp_path, workers=workers), at=at)
    resumed = trainer_of_all_kinds(tmp_path, workers=1 - workers)

    assert resume(resumed, tmp_path / "snapshots") == at
    resumed.run()

    assert_same_run(resumed, all_kinds_unbroken)


@pytest.fixture(scope="module")
def all_kinds_unbroken(tmp_path_factory) -> Trainer:
    trainer = trainer_of_all_kinds(tmp_path_factory.mktemp("all"), workers=0)
    trainer.run()
    return trainer


@pytest.mark.parametrize("at", [4, 8, 11])
def test_what_was_done_after_the_snapshot_is_undone_and_done_again(unbroken, tmp_path, at):
    """Here the log and the best weights were ahead of the snapshot when the power failed."""
    cut_off(full_trainer(tmp_path, snapshot_every=3, precision=unbroken.precision), at=at)
    resumed = full_trainer(tmp_path, snapshot_every=3, precision=unbroken.precision)

    assert resume(resumed, tmp_path / "snapshots") == at // 3 * 3
    resumed.run()

    assert_same_run(resumed, unbroken)


def test_a_run_that_is_cut_again_and_again_ends_like_the_unbroken_one(unbroken, tmp_path):
    cut_off(full_trainer(tmp_path, precision=unbroken.precision), at=2)
    for at in (3, 7, 8, 12):
        again = full_trainer(tmp_path, precision=unbroken.precision)
        resume(again, tmp_path / "snapshots")
        cut_off(again, at=at)
    resumed = full_trainer(tmp_path, precision=unbroken.precision)
    resume(resumed, tmp_path / "snapshots")

    resumed.run()

    assert_same_run(resumed, unbroken)


def test_a_run_interrupted_in_the_middle_of_an_update_ends_like_the_unbroken_one(
    unbroken, tmp_path
):
    calls = iter(range(1, 100))

    def loss(model, batch):
        if next(calls) == 7:
            signal.raise_signal(signal.SIGINT)
        return tiny_loss(model, batch)

    interrupted = full_trainer(tmp_path, snapshot_every=5, precision=unbroken.precision, loss=loss)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run()
    resumed = full_trainer(tmp_path, precision=unbroken.precision)

    assert resume(resumed, tmp_path / "snapshots") == 7
    resumed.run()

    assert_same_run(resumed, unbroken)


def test_a_finished_run_is_left_as_it_is(unbroken, tmp_path):
    full_trainer(tmp_path, precision=unbroken.precision).run()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    again = full_trainer(tmp_path, precision=unbroken.precision)

    assert resume(again, tmp_path / "snapshots") == LAST
    again.run()

    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


def test_a_line_that_was_cut_in_half_is_gone_after_the_resume(tmp_path):
    cut_off(full_trainer(tmp_path), at=9)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"epoch": 2, "itera')
    resumed = full_trainer(tmp_path)
    resume(resumed, tmp_path / "snapshots")

    resumed.run()

    assert [row["iteration"] for row in log_without_times(tmp_path)] == [4, 8, 12, 13]
