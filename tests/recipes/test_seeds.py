"""Seeds are run once each, and the interval of their mean is Student's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from akitsu.errors import OutputError, RecipeError
from akitsu.recipes import seeds as module
from akitsu.recipes.recipe import load
from akitsu.recipes.seeds import spread, train_seeds

SCORES = {0: 0.90, 1: 0.92, 2: 0.94, 3: 0.96}


@dataclass
class Trainings:
    """Stands in for training: each seed has its score."""

    seeds: list[int] = field(default_factory=list)
    interrupted: bool = False

    def __call__(self, recipe, out, *, say):
        self.seeds.append(recipe.seed)
        out.mkdir(parents=True, exist_ok=True)
        recipe.save(out / "recipe.yaml")
        if self.interrupted:
            raise KeyboardInterrupt
        nan = {"value": None, "low": None, "high": None}
        metrics = {
            "miou": {"value": SCORES[recipe.seed], "low": 0, "high": 1},
            "iou": {"cat": {"value": SCORES[recipe.seed] / 2, "low": 0, "high": 1}, "dog": nan},
        }
        row = {"epoch": 1, "main/loss": 1.0, "validation/main/miou": SCORES[recipe.seed]}
        (out / "log.jsonl").write_text(json.dumps(row) + "\n")
        (out / "metrics.json").write_text(json.dumps({"n": 20, "metrics": metrics}))
        return out


@pytest.fixture
def trainings(monkeypatch):
    fake = Trainings()
    monkeypatch.setattr(module, "train", fake)
    return fake


def run(out, *, seeds=3, settings=(), **more):
    recipe = load("scenes-masks", settings=list(settings))
    folder = train_seeds(recipe, out, seeds=seeds, say=lambda text: None, **more)
    return folder, json.loads((folder / "seeds.json").read_text())


def test_mean_and_interval_are_student_s(trainings, tmp_path):
    """t(2; .975) = 4.303, as in every table; s = 0.02."""
    _, document = run(tmp_path / "out")

    miou = document["metrics"]["miou"]
    assert miou["mean"] == pytest.approx(0.92)
    assert miou["high"] - miou["mean"] == pytest.approx(4.3027 * 0.02 / 3**0.5, rel=1e-4)
    assert miou["mean"] - miou["low"] == pytest.approx(miou["high"] - miou["mean"])
    assert miou["values"] == [0.90, 0.92, 0.94]
    assert document["seeds"] == [0, 1, 2]


def test_a_score_that_is_not_defined_has_no_mean(trainings, tmp_path):
    _, document = run(tmp_path / "out")

    assert document["metrics"]["iou/dog"]["mean"] is None
    assert document["metrics"]["iou/cat"]["mean"] == pytest.approx(0.46)


def test_the_interval_holds_the_truth_nineteen_times_out_of_twenty():
    """Over 4000 sets of five draws; 0.01 is three standard errors of that share."""
    draws = np.random.default_rng(0).normal(0.8, 0.05, size=(4000, 5))

    found = [spread(values) for values in draws.tolist()]

    share = np.mean([each.low <= 0.8 <= each.high for each in found])
    assert share == pytest.approx(0.95, abs=0.0104)


def test_finished_seeds_are_not_repeated_and_more_are_added(trainings, tmp_path):
    run(tmp_path / "out", seeds=2)

    _, document = run(tmp_path / "out", seeds=4)

    assert trainings.seeds == [0, 1, 2, 3]
    assert document["seeds"] == [0, 1, 2, 3]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *(f"seed-{seed}" for seed in range(4)),
        "seeds.json",
        "seeds.png",
    }


def test_the_first_seed_is_the_recipe_s(trainings, tmp_path):
    run(tmp_path / "out", seeds=2, settings=["seed=2"])

    assert trainings.seeds == [2, 3]


def test_an_interrupted_set_goes_on_by_the_same_command(trainings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trainings.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        run(None)
    trainings.interrupted = False

    folder, _ = run(None)

    assert folder.as_posix() == "runs/scenes-masks-seeds/1"
    assert trainings.seeds == [0, 0, 1, 2]


def test_a_finished_set_is_left_alone_and_the_next_gets_the_next_number(
    trainings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    run(None, seeds=2)

    again, _ = run(None, seeds=2)
    other, _ = run(None, seeds=2, settings=["batch_size=3"])
    more, _ = run(None, seeds=3, settings=["batch_size=3"])

    assert [folder.name for folder in (again, other, more)] == ["2", "3", "3"]


def test_runs_of_another_recipe_are_refused_before_the_first_step(trainings, tmp_path):
    run(tmp_path / "out", seeds=2)

    with pytest.raises(OutputError, match=r"seed-0: the run here was made with another recipe"):
        run(tmp_path / "out", settings=["batch_size=3"])

    assert trainings.seeds == [0, 1]


def test_force_begins_anew(trainings, tmp_path):
    run(tmp_path / "out", seeds=2)

    run(tmp_path / "out", seeds=2, settings=["batch_size=3"], force=True)

    assert trainings.seeds == [0, 1, 0, 1]


def test_a_folder_with_something_else_is_left_alone(trainings, tmp_path):
    (tmp_path / "precious.txt").write_text("x")

    for force in (False, True):
        with pytest.raises(OutputError, match="this holds something that is no set of seeds"):
            run(tmp_path, force=force)

    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_one_seed_says_nothing_about_luck(trainings, tmp_path):
    with pytest.raises(RecipeError, match=r"^--seeds: 1 says nothing about luck; write 2 or more"):
        run(tmp_path / "out", seeds=1)


def test_a_run_of_several_processes_is_refused(trainings, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(RecipeError, match=r"^engine\.devices: --seeds makes its runs in one"):
        run(tmp_path / "out")
