"""A run's folder is never written over by accident, and an unfinished run is found again."""

from __future__ import annotations

import pytest

from akitsu.errors import DataError, OutputError
from akitsu.recipes import directory
from akitsu.recipes.recipe import load


def recipe(*settings):
    return load("digits", settings=["data.path=train.csv", *settings])


def finish(folder):
    (folder / directory.METRICS).write_text("{}")


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_new_run_has_its_recipe_written_out(tmp_path):
    folder, resumed = directory.prepare(recipe(), tmp_path / "run")

    assert not resumed
    assert contents(folder) == ["recipe.yaml"]
    assert directory.read_recipe(folder) == recipe()


def test_an_unfinished_run_of_the_same_recipe_goes_on(tmp_path):
    directory.prepare(recipe(), tmp_path / "run")
    (tmp_path / "run" / "log.jsonl").write_text("")

    folder, resumed = directory.prepare(recipe(), tmp_path / "run")

    assert resumed
    assert contents(folder) == ["log.jsonl", "recipe.yaml"]


def test_a_finished_run_is_refused(tmp_path):
    folder, _ = directory.prepare(recipe(), tmp_path / "run")
    finish(folder)

    with pytest.raises(OutputError) as caught:
        directory.prepare(recipe(), folder)

    assert str(caught.value) == (
        f"{folder}: this run is finished; score it with `akitsu evaluate {folder}`, choose "
        "another --out, or replace it with --force."
    )


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("seed=3", "seed"),
        ("optimizer.lr=0.5", "optimizer.lr"),
        ("data.path=other.csv", "data.path"),
        ("model.widths=[8, 8, 8]", "model.widths"),
        ("loss.label_smoothing=0", "loss.label_smoothing"),
    ],
)
def test_the_run_of_another_recipe_is_refused_with_the_key(tmp_path, setting, key):
    folder, _ = directory.prepare(recipe(), tmp_path / "run")

    with pytest.raises(OutputError, match=rf"made with another {key}; choose another --out"):
        directory.prepare(recipe(setting), folder)

    assert directory.read_recipe(folder) == recipe()


def test_an_option_taken_away_is_a_difference_too(tmp_path):
    folder, _ = directory.prepare(recipe("model.widths=[8, 8, 8]"), tmp_path / "run")

    with pytest.raises(OutputError, match=r"another model\.widths"):
        directory.prepare(recipe(), folder)


@pytest.mark.parametrize("force", [False, True])
def test_a_foreign_folder_is_never_touched(tmp_path, force):
    (tmp_path / "thesis.txt").write_text("three years of work")

    with pytest.raises(OutputError, match=r"no run of akitsu; choose another --out"):
        directory.prepare(recipe(), tmp_path, force=force)

    assert contents(tmp_path) == ["thesis.txt"]


def test_a_file_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "run").write_text("")

    for out in (tmp_path / "run", tmp_path / "run" / "below"):
        with pytest.raises(OutputError, match=r"; choose another --out\.$"):
            directory.prepare(recipe(), out)


def test_a_broken_recipe_in_the_folder_is_refused(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(b"[\xff")

    with pytest.raises(OutputError, match=r"another recipe\.yaml that cannot be read"):
        directory.prepare(recipe(), tmp_path)


def test_force_replaces_a_run_whole(tmp_path):
    folder, _ = directory.prepare(recipe(), tmp_path / "run")
    finish(folder)

    _, resumed = directory.prepare(recipe("seed=3"), folder, force=True)

    assert not resumed
    assert contents(folder) == ["recipe.yaml"]
    assert directory.read_recipe(folder).seed == 3


def test_runs_are_numbered_and_the_newest_is_found_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    first, _ = directory.prepare(recipe(), None)
    finish(first)
    second, _ = directory.prepare(recipe(), None)

    assert (str(first), str(second)) == ("runs/digits/1", "runs/digits/2")
    assert (tmp_path / "runs/digits/latest").resolve() == (tmp_path / second).resolve()


def test_an_unfinished_run_is_found_without_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, _ = directory.prepare(recipe(), None)

    assert directory.prepare(recipe(), None) == (first, True)


def test_another_recipe_starts_a_run_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory.prepare(recipe(), None)

    folder, resumed = directory.prepare(recipe("seed=3"), None)

    assert (str(folder), resumed) == ("runs/digits/2", False)


def test_a_folder_without_a_recipe_is_no_run(tmp_path):
    with pytest.raises(DataError, match=r"no run of akitsu .*recipe\.yaml"):
        directory.read_recipe(tmp_path)


def test_the_environment_names_versions_and_what_else_is_given():
    facts = directory.environment(seed=3)

    assert facts["seed"] == 3
    assert {"torch", "numpy", "onnxruntime"} <= set(facts["versions"])


def test_a_run_killed_while_its_recipe_was_written_is_begun_anew(tmp_path):
    from akitsu.recipes.recipe import load

    (tmp_path / ".half.yaml").write_text("task: cl")

    folder, resumed = directory.prepare(load("scenes-masks"), tmp_path)

    assert (folder, resumed) == (tmp_path, False)
