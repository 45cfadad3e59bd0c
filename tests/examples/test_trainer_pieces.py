"""The pieces that docs/guides/trainer.md shows do what that page says of them."""

from __future__ import annotations

import importlib
import runpy
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import resume, snapshots

FOLDER = Path(__file__).parents[2] / "examples/trainer"


@pytest.fixture
def piece(monkeypatch):
    """Imports a program of the folder, as Python does that is started there."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_the_first_run_learns_to_add_and_is_done_when_it_is_started_again(piece, tmp_path):
    train = piece("first_run").train

    model = train(tmp_path)
    written_at = (tmp_path / "snapshots/200.pt").stat().st_mtime_ns
    again = train(tmp_path)

    assert model(torch.tensor([1.0, 2.0, 3.0])).item() == pytest.approx(6.0, abs=1e-3)
    assert (tmp_path / "snapshots/200.pt").stat().st_mtime_ns == written_at
    assert torch.equal(model.weight, again.weight)


def test_the_extension_reports_the_longest_gradient_so_far(piece, tmp_path, capsys):
    trainer = piece("own_extension").train(tmp_path)

    longest = [row["longest_gradient"] for row in trainer.extension("LogReport").rows]
    assert 0 < longest[0] <= longest[-1]
    assert longest[-1] == pytest.approx(trainer.extension("LongestGradient").longest)
    assert capsys.readouterr().out.startswith("half-way")


def test_the_extension_remembers_it_over_a_resume(piece, tmp_path):
    kind, trainer = piece("own_extension").LongestGradient, piece("first_run").make_trainer
    whole, resumed = kind(), kind()
    ours, theirs = trainer(tmp_path), trainer(tmp_path)
    ours.extend(whole)
    theirs.extend(resumed)

    ours.run()
    theirs.load_state_dict(ours.state_dict())

    assert resumed.longest == whole.longest > 0


def test_the_trigger_fires_at_powers_of_two(piece, tmp_path):
    piece("own_trigger").train(tmp_path)

    kept = sorted(int(path.stem) for path in snapshots(tmp_path / "snapshots"))
    assert kept == [1, 2, 4, 8, 16, 32, 64, 128, 200]  # the last one is the end's


def test_the_adversarial_updater_learns_to_draw_what_it_was_shown(piece, tmp_path, capsys):
    """Normal with mean 3 and deviation 0.5; both are far from those of an untrained network."""
    program = piece("own_updater")
    trainer = program.make_trainer(tmp_path)

    trainer.run()

    torch.manual_seed(1)
    drawn = program.draw(trainer, 4096)
    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.1)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.1)


def test_the_adversarial_updater_resumes_to_the_same_bits(piece, tmp_path):
    """Though it draws from PyTorch's global state, and has two optimizers and an average."""
    make = piece("own_updater").make_trainer
    whole, cut, resumed = (make(tmp_path, iterations=n) for n in (30, 30, 30))
    cut.extend(Snapshot(), trigger=(17, "iteration"))
    cut.extend(lambda trainer: trainer.stop("cut"), name="cut", trigger=(18, "iteration"))

    whole.run()
    cut.run()
    (tmp_path / "snapshots/18.pt").unlink()
    torch.manual_seed(99)  # whatever another process had drawn until then
    resume(resumed, tmp_path / "snapshots")
    resumed.run()

    assert resumed.updater.iteration == 30
    for mine, theirs in zip(
        resumed.updater.best_model.parameters(),
        whole.updater.best_model.parameters(),
        strict=True,
    ):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("name", "said"),
    [("first_run", "1 + 2 + 3 = 6.00"), ("own_extension", "half-way"), ("own_trigger", "200.pt")],
)
def test_it_runs_as_its_first_lines_say(piece, name, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")

    assert capsys.readouterr().out.startswith(said)
