"""Faults that a training meets on its way: what it says, what it leaves, how it goes on."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from akitsu.errors import DataError, OutputError
from akitsu.recipes.recipe import Recipe, load
from akitsu.recipes.train import train
from akitsu.training.extensions import snapshot as extension
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.interrupts import TerminatedError
from akitsu.training.snapshot import resume, save_snapshot, snapshots
from akitsu.training.trainer import Trainer
from akitsu.training.weights import save_weights
from akitsu.training.workers import fetched_by_workers

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "faults.py"


@contextmanager
def small_files(size: int):
    """A limit that everybody may set, and that is met as a full disk is: by a write that fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class AtOnce:
    """A pool whose work is done when it is handed in."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, function, *arguments, **options) -> Future:
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self) -> None:
        pass


def test_weights_on_a_full_disk_are_a_sentence_and_leave_nothing(tmp_path):
    """The library has an error of its own, which no handler of OSError catches."""
    path = tmp_path / "best.safetensors"

    with small_files(10_000), pytest.raises(OutputError) as caught:
        save_weights({"weight": torch.zeros(10_000)}, path)

    assert "best.safetensors: these weights could not be written: the disk is full" in str(
        caught.value
    )
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_on_a_full_disk_is_a_sentence_and_leaves_the_one_before(trainer, tmp_path):
    before = save_snapshot(trainer(), tmp_path)

    with small_files(1000), pytest.raises(OutputError, match=r"0\.pt: .*disk is full.*make room"):
        save_snapshot(trainer(), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == [before.name]
    assert resume(trainer(), tmp_path) == 0


def test_a_snapshot_that_could_not_be_written_ends_the_run_in_the_next_iteration(
    trainer, tmp_path, monkeypatch
):
    """Not at the next snapshot: what was learnt until then would be lost as well."""
    ours = trainer(stop=(15, "iteration"))
    ours.extend(Snapshot(), trigger=(5, "iteration"))
    monkeypatch.setattr(extension, "ThreadPoolExecutor", AtOnce)

    with small_files(1000), pytest.raises(OutputError, match=r"5\.pt: .*disk is full"):
        ours.run()

    assert ours.updater.iteration == 6


@pytest.mark.parametrize(("stop", "left"), [(8, ["8", "6"]), (12, ["12", "6"])])
def test_a_torn_snapshot_does_not_take_the_place_of_a_whole_one(trainer, tmp_path, stop, left):
    """Counted among the two that stay, it would leave one, and none to fall back to."""
    ours = trainer(stop=(9, "iteration"))
    ours.extend(Snapshot(), trigger=(3, "iteration"))
    ours.run()
    torn = tmp_path / "snapshots" / "9.pt"
    torn.write_bytes(torn.read_bytes()[:-100])
    again = trainer(stop=(stop, "iteration"))
    again.extend(Snapshot(), trigger=(stop, "iteration"))
    resume(again, tmp_path / "snapshots", warn=lambda sentence: None)

    again.run()

    assert [path.stem for path in snapshots(tmp_path / "snapshots")] == left


@pytest.fixture
def small_recipe(tmp_path) -> Recipe:
    """Eight noisy pictures with masks, four iterations, from a folder."""
    generator = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind, most, shape in (("images", 256, (32, 32, 3)), ("masks", 2, (32, 32))):
            folder = tmp_path / "set" / split / kind
            folder.mkdir(parents=True)
            for number in range(8):
                pixels = generator.integers(0, most, shape, np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    (tmp_path / "set" / "classes.txt").write_text("background\nthing\n")
    settings = (
        f"data.path={tmp_path / 'set'}", "data.format=masks", "model.input_hw=[32, 32]",
        "model.widths=[4, 4, 4, 4]", "batch_size=4", "stop=[4, iteration]",
        "extensions.evaluate=[4, iteration]", "engine.precision=32-true",
    )  # fmt: skip
    return load("scenes-masks", settings=settings)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)]
)
def test_who_interrupts_a_training_is_told_what_is_saved(small_recipe, tmp_path, number, error):
    told: list[str] = []

    def interrupt(trainer: Trainer) -> None:
        trainer.extend(lambda _: signal.raise_signal(number), name="one", trigger=(3, "iteration"))

    with pytest.raises(error):
        train(small_recipe, tmp_path / "run", say=told.append, extend=interrupt)

    stands = "saved at iteration 3 of 4, the same command goes on from there"
    assert told[-1] == f"{tmp_path / 'run'}: {stands}"
    assert [path.stem for path in snapshots(tmp_path / "run" / "snapshots")] == ["3"]


def test_who_interrupts_a_training_twice_before_its_first_snapshot_is_told_so(
    small_recipe, tmp_path
):
    told: list[str] = []

    def twice(trainer: Trainer) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(
            small_recipe,
            tmp_path / "run",
            say=told.append,
            extend=lambda trainer: trainer.extend(twice, trigger=(1, "iteration")),
        )

    assert told[-1].endswith("run: nothing is saved yet, the same command begins anew")


ENDLESS = """
import itertools, sys
from akitsu.training.workers import fetched_by_workers

fetched = fetched_by_workers(abs, itertools.count(), workers=2)
next(fetched)
sys.exit(130)
"""


def test_a_program_that_leaves_its_workers_behind_ends_all_the_same():
    """They ignore the signal by which Python ends its children, and it waits for them."""
    program = subprocess.Popen([sys.executable, "-c", ENDLESS], start_new_session=True)

    try:
        code = program.wait(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(program.pid, signal.SIGKILL)
        raise

    assert code == 130


def test_workers_do_not_outlive_an_error_that_somebody_keeps():
    """The traceback holds on to everything that was in use."""

    def fetch(plan: int) -> int:
        if plan == 3:
            raise DataError("a broken picture", do="mend it")
        return plan

    with pytest.raises(DataError) as kept:
        list(fetched_by_workers(fetch, itertools.count(), workers=2))

    assert kept.tb is not None
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_recipe_that_diverges_names_the_layer_and_keeps_nothing_broken(small_recipe, tmp_path):
    recipe = tmp_path / "wild.yaml"
    small_recipe.save(recipe)
    command = ["train", str(recipe), "--out", str(tmp_path / "run"), "--set", "optimizer.lr=1e30"]

    done = subprocess.run(
        [sys.executable, "-m", "akitsu", *command], capture_output=True, text=True, timeout=200
    )

    assert done.returncode == 2
    assert "non-finite" in done.stderr
    assert "lower optimizer.lr" in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshots(tmp_path / "run" / "snapshots") == []


@pytest.mark.slow
def test_the_command_line_bears_the_faults_of_the_benchmark(tmp_path):
    """Once each, those that need no disk of their own."""
    faults = (
        "SIGKILL while a snapshot is being written", "torn snapshot", "NaN loss",
        "picture torn in the middle of an epoch", "Ctrl-C", "SIGTERM, 30 s of grace",
    )  # fmt: skip
    words = [word for fault in faults for word in ("--only", fault)]
    words += ["--times", "1", "--output", str(tmp_path / "faults.json")]

    done = subprocess.run(
        [sys.executable, BENCHMARK, *words], capture_output=True, text=True, timeout=1800
    )

    assert done.returncode == 0, done.stdout + done.stderr
