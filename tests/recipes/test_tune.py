"""A search runs each trial once, goes on after whatever stopped it, and leaves the best recipe."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from akitsu.errors import DataError, OutputError, RecipeError, TrainingError
from akitsu.recipes import tune as module
from akitsu.recipes.recipe import load
from akitsu.recipes.search_space import Choices, SearchSpace
from akitsu.recipes.tune import ReportToTrial, short_value, tune

SPACE = SearchSpace({"batch_size": Choices(values=tuple(range(1, 200)))})


@dataclass
class Trainings:
    """Stands in for training: each run scores batch_size / 1000, unless something befalls it."""

    befall: dict[int, BaseException] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def __call__(self, recipe, out, *, say, extend):
        self.folders.append(out.name)
        self.sizes.append(recipe.batch_size)
        out.mkdir(parents=True, exist_ok=True)
        if len(self.folders) in self.befall:
            raise self.befall[len(self.folders)]
        value = {"value": recipe.batch_size / 1000, "low": 0, "high": 1}
        (out / "metrics.json").write_text(json.dumps({"metrics": {"map50": value}}))
        return out


@pytest.fixture
def trainings(monkeypatch):
    fake = Trainings()
    monkeypatch.setattr(module, "train", fake)
    monkeypatch.setattr(module, "check", lambda recipe, say: None)
    return fake


def search(out, *, trials=4, said=None, **more):
    said = [] if said is None else said
    folder = tune(load("scenes-boxes"), out, trials=trials, say=said.append, space=SPACE, **more)
    return json.loads((folder / "study.json").read_text())


def states(document):
    return [trial["state"] for trial in document["trials"]]


def test_the_best_recipe_is_ready_to_be_trained(trainings, tmp_path):
    document = search(tmp_path / "out")

    best = load(str(tmp_path / "out" / "best.yaml"))
    assert best.batch_size == max(trainings.sizes)
    assert best == load("scenes-boxes", settings=[f"batch_size={best.batch_size}"])
    assert trainings.sizes[document["best"]] == best.batch_size
    assert document["score"] == "map50"


def test_a_finished_study_runs_nothing_and_more_trials_go_on(trainings, tmp_path):
    search(tmp_path / "out", trials=3)
    search(tmp_path / "out", trials=3)

    document = search(tmp_path / "out", trials=5)

    assert trainings.folders == ["0", "1", "2", "3", "4"]
    assert states(document) == ["complete"] * 5
    assert {"history.png", "importance.png", "space.yaml"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_fewer_trials_than_there_are_forget_none(trainings, tmp_path):
    search(tmp_path / "out", trials=3)

    assert len(search(tmp_path / "out", trials=1)["trials"]) == 3


def test_a_trial_that_fails_is_counted_and_the_study_goes_on(trainings, tmp_path):
    trainings.befall = {2: TrainingError("main/loss became nan", do="lower optimizer.lr")}

    said: list[str] = []
    document = search(tmp_path / "out", said=said)

    assert states(document) == ["complete", "failed", "complete", "complete"]
    assert document["trials"][1]["error"] == "main/loss became nan; lower optimizer.lr."
    assert "trial 1: failed (main/loss became nan; lower optimizer.lr.)" in said


def test_a_trial_that_is_pruned_is_counted_and_the_study_goes_on(trainings, tmp_path):
    trainings.befall = {2: optuna.TrialPruned()}

    assert states(search(tmp_path / "out")) == ["complete", "pruned", "complete", "complete"]


def test_after_an_interruption_the_same_trial_goes_on_in_its_folder(trainings, tmp_path):
    trainings.befall = {2: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "out")
    before = json.loads((tmp_path / "out" / "study.json").read_text())

    document = search(tmp_path / "out")

    assert states(before) == ["complete"]
    assert states(document) == ["complete"] * 4
    assert trainings.folders == ["0", "1", "1", "2", "3"]
    assert trainings.sizes[1] == trainings.sizes[2]


def test_a_mistake_of_the_user_ends_the_search_and_can_be_mended(trainings, tmp_path):
    for start in (1, 2, 3, 4):  # more often than a worker may die
        trainings.befall[start] = DataError("no pictures", do="look for them")
        with pytest.raises(DataError):
            search(tmp_path / "out")

    assert states(search(tmp_path / "out")) == ["complete"] * 4


def test_values_that_do_not_go_together_end_the_search_but_not_the_next_one(trainings, tmp_path):
    trainings.befall = {1: RecipeError("these two exclude each other", do="change one")}
    with pytest.raises(RecipeError):
        search(tmp_path / "out")

    assert states(search(tmp_path / "out")) == ["failed", *["complete"] * 3]


def test_a_run_whose_worker_died_before_it_told_its_score_is_not_run_again(trainings, tmp_path):
    trainings.befall = {2: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "out")
    metrics = {"metrics": {"map50": {"value": 0.999, "low": 0, "high": 1}}}
    (tmp_path / "out/trials/1/metrics.json").write_text(json.dumps(metrics))

    document = search(tmp_path / "out")

    assert trainings.folders == ["0", "1", "2", "3"]
    assert document["best"] == 1


def test_a_study_without_any_score_is_a_sentence(trainings, tmp_path):
    trainings.befall = {n: TrainingError("main/loss became nan", do="x") for n in (1, 2, 3, 4)}

    with pytest.raises(
        TrainingError, match=r"^.*/out: no trial came to a score \(main/loss became"
    ):
        search(tmp_path / "out")

    assert not (tmp_path / "out" / "best.yaml").exists()
    assert len(json.loads((tmp_path / "out" / "study.json").read_text())["trials"]) == 4


def test_force_begins_anew(trainings, tmp_path):
    search(tmp_path / "out", trials=2)

    search(tmp_path / "out", trials=2, force=True)

    assert trainings.folders == ["0", "1", "0", "1"]


def test_a_folder_with_something_else_is_left_alone(trainings, tmp_path):
    (tmp_path / "precious.txt").write_text("x")

    for force in (False, True):
        with pytest.raises(OutputError, match="holds something that is no search of akitsu"):
            search(tmp_path, force=force)

    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_by_default_the_folder_is_named_after_the_recipe(trainings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    search(None, trials=1)

    assert Path("runs/scenes-boxes-tune/best.yaml").is_file()


def test_a_run_of_several_processes_is_refused(trainings, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")

    with pytest.raises(RecipeError, match=r"^engine\.devices: a search makes its runs in one"):
        search(tmp_path / "out")

    assert list(tmp_path.iterdir()) == []


def reporting(study):
    """The extension on a fresh trial, and a function that lets it see one iteration."""
    trial = study.ask()
    extension = ReportToTrial(trial, "validation/main/map50")

    def see(value: float | None, *, finished: bool = False) -> None:
        seen: dict[str, Any] = {} if value is None else {"validation/main/map50": value}
        extension(SimpleNamespace(observation=seen, finished=finished))

    return trial, extension, see


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=2)
    found = optuna.create_study(direction="maximize", pruner=pruner)
    for scores in ([0.5, 0.6, 0.7], [0.4, 0.5, 0.6]):
        trial, _, see = reporting(found)
        for score in scores:
            see(score)
        found.tell(trial, scores[-1])
    return found


def test_a_trial_hears_of_evaluations_only(study):
    trial, _, see = reporting(study)

    for value in (None, 0.9, None, None, 0.8):
        see(value)

    assert study.trials[trial.number].intermediate_values == {1: 0.9, 2: 0.8}


def test_a_run_below_the_median_is_stopped_but_not_at_its_first_score(study):
    _, _, see = reporting(study)
    see(0.1)

    with pytest.raises(optuna.TrialPruned):
        see(0.2)


def test_the_last_score_is_a_result_however_low(study):
    trial, _, see = reporting(study)
    see(0.1)

    see(0.2, finished=True)

    assert study.trials[trial.number].intermediate_values == {1: 0.1, 2: 0.2}


def test_a_resumed_run_comes_by_the_same_evaluations_in_peace(study):
    """Optuna warns of a step told twice, and a warning is an error here."""
    trial, extension, see = reporting(study)
    see(0.9)
    snapshot = extension.state_dict()
    see(0.8)
    extension.load_state_dict(snapshot)

    see(0.8)
    see(0.7)

    assert study.trials[trial.number].intermediate_values == {1: 0.9, 2: 0.8, 3: 0.7}


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "null"), (True, "true"), (0.00123456, "0.001235"), ("sgd", "sgd")]
)
def test_values_are_shown_as_a_recipe_writes_them(value, shown):
    assert short_value(value) == shown
