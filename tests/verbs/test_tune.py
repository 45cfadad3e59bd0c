"""The verb `tune` and `train --seeds` as a person types them, on a tiny table of digits."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from akitsu.cli import run
from akitsu.data.generated.digits_table import digits_table
from akitsu.recipes.recipe import load

TINY = ["model.input_hw=[8, 8]", "batch_size=64", "stop=[2, epoch]", "model.widths=[8, 16, 24]"]
SPACE = "optimizer.lr: {low: 1e-3, high: 1e-1, log: true}\nbatch_size: [32, 64]\n"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return digits_table(tmp_path_factory.mktemp("table")).train


@pytest.fixture
def line(table, tmp_path):
    """The words of a command on the tiny table, with the search space in a file."""
    (tmp_path / "space.yaml").write_text(SPACE)

    def words(verb, *more):
        settings = [word for setting in TINY for word in ("--set", setting)]
        search = ["--search", str(tmp_path / "space.yaml")] if verb == "tune" else []
        out = ["--out", str(tmp_path / "out")]
        return [verb, "digits", "--data", str(table), *settings, *search, *out, *more]

    return words


def test_a_search_leaves_models_a_table_and_the_best_recipe(line, tmp_path, capfd):
    assert run(line("tune", "--trials", "2")) == 0
    table = capfd.readouterr().out
    assert run(line("tune", "--trials", "2", "--json")) == 0
    document = json.loads(capfd.readouterr().out)

    scores = [trial["value"] for trial in document["trials"]]
    assert [trial["state"] for trial in document["trials"]] == ["complete", "complete"]
    assert scores[document["best"]] == max(scores) > 0.3
    assert [f"{100 * score:.2f} %" in table for score in scores] == [True, True]
    assert table.index(f"{100 * max(scores):.2f} %") <= table.index(f"{100 * min(scores):.2f} %")
    run_folder = tmp_path / "out" / "trials" / str(document["best"])
    assert (run_folder / "model.onnx").is_file()
    best = load(str(tmp_path / "out" / "best.yaml"))
    assert best == load(str(run_folder / "recipe.yaml"))
    # What a trial told on its way is what its run was judged by in the end.
    for trial in document["trials"]:
        assert max(trial["scores"]) == pytest.approx(trial["value"], abs=0.01)


def test_a_bad_space_is_a_sentence_and_leaves_nothing(line, tmp_path, capfd):
    (tmp_path / "space.yaml").write_text("optimizer.lrr: [1, 2]\n")

    code = run(line("tune"))

    shown = capfd.readouterr()
    place = f"{tmp_path / 'space.yaml'}:1, optimizer.lrr"
    assert code == 2
    assert shown.err == f"{place}: there is no such key; write optimizer.lr.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_data_that_is_not_there_is_a_sentence_and_leaves_nothing(tmp_path, capfd):
    out = ["--out", str(tmp_path / "out")]

    assert run(["tune", "digits", "--data", str(tmp_path / "gone.csv"), *out]) == 2

    assert "gone.csv" in capfd.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_without_a_space_the_one_that_is_tried_is_said(tmp_path, capfd):
    run(["tune", "digits", "--data", str(tmp_path / "gone.csv")])

    assert "optimizer.lr: {low: 0.0004, high: 0.04, log: true}" in capfd.readouterr().err


def test_seeds_are_trained_one_after_the_other_and_summed_up(line, tmp_path, capfd):
    assert run(line("train", "--seeds", "2", "--json")) == 0
    document = json.loads(capfd.readouterr().out)
    assert run(line("train", "--seeds", "2")) == 0
    shown = capfd.readouterr()

    accuracy = document["metrics"]["accuracy"]
    for seed, value in zip((0, 1), accuracy["values"], strict=True):
        metrics = json.loads((tmp_path / f"out/seed-{seed}/metrics.json").read_text())["metrics"]
        assert metrics["accuracy"]["value"] == value
    assert accuracy["values"][0] != accuracy["values"][1]
    assert "seed 1 (2 of 2)" in shown.err
    assert "is finished" in shown.err
    assert f"{100 * accuracy['mean']:.2f} %" in shown.out
    assert (tmp_path / "out" / "seeds.png").is_file()


@pytest.mark.slow
def test_two_processes_share_the_trials_of_one_study(line, tmp_path):
    command = [sys.executable, "-m", "akitsu", *line("tune", "--trials", "5")]
    workers = [
        subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    told = [worker.communicate()[1] for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0], told
    begun = sorted(words.split()[1] for words in "\n".join(told).splitlines() if " of 5: " in words)
    assert begun == ["0", "1", "2", "3", "4"]
    assert all(" of 5: " in each for each in told), "one worker did all"
    document = json.loads((tmp_path / "out" / "study.json").read_text())
    assert {trial["state"] for trial in document["trials"]} <= {"complete", "pruned"}
    assert len(document["trials"]) == 5


@pytest.mark.slow
def test_a_killed_worker_s_trial_is_finished_by_the_next(line, tmp_path):
    command = [sys.executable, "-m", "akitsu", *line("tune", "--trials", "2")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as worker:
        for told in worker.stderr:
            if told.startswith("trial 0 of 2"):
                break
        worker.kill()
        worker.stderr.read()

    assert run(line("tune", "--trials", "2")) == 0

    document = json.loads((tmp_path / "out" / "study.json").read_text())
    assert [trial["state"] for trial in document["trials"]] == ["complete", "complete"]
    assert not list((tmp_path / "out" / "trials").glob("2*"))
