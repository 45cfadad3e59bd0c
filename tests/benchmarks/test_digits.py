"""The table of budgets: who learns from what, what is scored, and which limits are missed."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.models.classification.digit_cnn import digit_cnn
from akitsu.recipes.recipe import load


@pytest.fixture
def digits(program):
    return program("digits", "train.csv", "test.csv", "--skip-chainer")


def measured(digits, *seconds, right=0.995, **more):
    answers = np.arange(1000) < 1000 * right
    whole = [each + 2 for each in seconds]
    return digits.Measured(seconds=list(seconds), whole_seconds=whole, right=answers, **more)


def test_both_sides_learn_from_the_first_seven_eighths_and_are_scored_on_the_last(digits, tmp_path):
    table = digits_table(tmp_path / "given")

    tables = digits.prepared(table.train, table.test, tmp_path)

    whole = np.loadtxt(tables.plain_train, delimiter=",", skiprows=1, dtype=np.int64)
    border = len(whole) * 7 // 8
    for split, rows in (("train", whole[:border]), ("val", whole[border:])):
        ours = read(tables.train, split, format="pixel-csv")
        assert np.array_equal(ours.labels, rows[:, 0])
        assert np.array_equal(ours.images.reshape(len(rows), -1), rows[:, 1:])
    assert np.array_equal(tables.images, ours.images)
    assert np.array_equal(tables.labels, ours.labels)


def test_the_weights_that_chainer_saves_answer_as_its_network_would(digits, tmp_path):
    torch.manual_seed(0)
    module = digit_cnn(10, in_channels=1).eval()
    names = {"0": "conv1", "3": "conv2", "7": "l1", "weight": "W", "bias": "b"}
    arrays = {}
    for name, tensor in module.state_dict().items():
        place, kind = name.split(".")
        arrays[f"predictor/{names[place]}/{names[kind]}"] = tensor.numpy()
    np.savez(tmp_path / "weights.npz", **arrays)
    images = np.random.default_rng(0).integers(0, 256, (1500, 28, 28, 1), np.uint8)

    answers = digits.answers_of(tmp_path / "weights.npz", images)

    inputs = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    assert np.array_equal(answers, module(inputs).argmax(1).numpy())
    assert len(set(answers.tolist())) > 1


def test_the_network_of_chainer_is_trained_as_chainer_does(digits):
    recipe = load("digits", settings=digits.SAME_AS_CHAINER)

    assert (recipe.model.name, recipe.batch_size, recipe.stop) == ("digit-cnn", 100, (5, "epoch"))
    assert (recipe.optimizer.name, recipe.optimizer.lr) == ("adam", 0.001)
    assert recipe.optimizer.weight_decay == 0
    assert recipe.schedule.name == "constant"
    assert recipe.loss == {"label_smoothing": 0}
    assert recipe.augment == type(recipe.augment)()
    assert recipe.extensions.average is None


def test_ratios_are_to_chainer_and_missed_limits_are_said(digits):
    fast, same, _, chainer, _ = digits.BUDGETS
    found = {
        "digits-fast": measured(digits, 7.0, 12.0, 10.0, right=0.98),
        "digit-cnn": measured(digits, 30.0),
        "chainer": measured(digits, 300.0, right=0.985, versions={"chainer": "7.8.1"}),
    }

    document = digits.document_of([fast, same, chainer], found, rounds=3)

    by_name = {each["name"]: each for each in document["budgets"]}
    assert by_name["digits-fast"]["median_seconds"] == 10.0
    assert by_name["digits-fast"]["median_whole_seconds"] == 12.0
    assert {name: each["times_as_fast_as_chainer"] for name, each in by_name.items()} == {
        "digits-fast": 30.0,
        "digit-cnn": 10.0,
        "chainer": 1.0,
    }
    accuracy = by_name["digits-fast"]["accuracy"]
    assert accuracy["value"] == pytest.approx(0.98)
    assert 0.965 < accuracy["low"] < 0.98 < accuracy["high"] < 0.995
    assert document["environment"]["peers"] == {"chainer": "7.8.1"}
    assert digits.misses(document["budgets"]) == [
        "digits-fast: 30.0 times as fast, not 40",
        "digits-fast: 98.00% right, not 99.00%",
    ]


def test_without_chainer_there_are_no_ratios_and_no_limit_on_them(digits):
    fast = digits.BUDGETS[0]

    document = digits.document_of([fast], {"digits-fast": measured(digits, 1.0)}, rounds=1)

    assert document["budgets"][0]["times_as_fast_as_chainer"] is None
    assert digits.misses(document["budgets"]) == []


def test_short_rows_run_in_every_round_and_long_ones_once(digits, monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(digits, "run_akitsu", lambda budget, *rest: ran.append(budget.name))
    monkeypatch.setattr(digits, "run_chainer", lambda *rest: ran.append("chainer"))
    arguments = digits.argparse.Namespace(rounds=3, chainer_python="python")

    digits.measure(digits.BUDGETS, None, tmp_path, arguments)

    short = ["digits-fast", "digit-cnn", "digits"]
    assert ran == [*short, *short, "chainer", "digits-best", *short]


def test_the_command_writes_its_table_and_its_picture(program, monkeypatch, tmp_path):
    output = tmp_path / "budgets.json"
    table = digits_table(tmp_path)
    words = [table.train, table.test, "--only", "digits-fast", "--output", output]
    digits = program("digits")
    monkeypatch.setattr(sys, "argv", ["digits.py", *map(str, words)])
    found = {"digits-fast": measured(digits, 3.0, right=0.95)}
    monkeypatch.setattr(digits, "measure", lambda *rest: found)

    assert digits.main() == 1

    assert [each["name"] for each in json.loads(output.read_text())["budgets"]] == ["digits-fast"]
    with Image.open(output.with_suffix(".png")) as picture:
        assert min(picture.size) > 300


def test_a_submission_that_lacks_rows_is_no_result(digits, tmp_path):
    (tmp_path / "test.csv").write_text("pixel0\n1\n2\n")
    (tmp_path / "whole.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    (tmp_path / "cut.csv").write_text("ImageId,Label\n1,0\n")

    digits.require_rows(tmp_path / "whole.csv", tmp_path / "test.csv")

    with pytest.raises(SystemExit, match="1 answers"):
        digits.require_rows(tmp_path / "cut.csv", tmp_path / "test.csv")
