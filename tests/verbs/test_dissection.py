"""`akitsu evaluate RUN --dissect LAYER --concepts FOLDER` as a person types it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from akitsu.cli import run
from akitsu.models import registry
from akitsu.recipes import directory
from akitsu.recipes.recipe import load
from akitsu.training.weights import save_weights
from tests.runtime import onnx_files

CONCEPTS = ("ground", "red", "green")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose first units see red and green, and pictures of red and green squares."""
    folder = tmp_path_factory.mktemp("dissection")
    _write_run(folder / "run")
    _write_concepts(folder / "concepts")
    return folder


def _write_run(place):
    settings = ["model.name=gap-net", "model.widths=[4, 4, 4]", "model.channels=3"]
    recipe = load("digits", settings=[*settings, "model.input_hw=[32, 32]"])
    place.mkdir()
    recipe.save(place / directory.RECIPE)
    plain = {"mean": [0.0] * 3, "std": [1.0] * 3}
    card = onnx_files.card("classification", pad_value=0, normalisation=plain)
    (place / directory.CARD).write_text(card.to_json())
    torch.manual_seed(0)
    model = registry.build(
        "gap-net", 3, in_channels=3, input_hw=(32, 32), options={"widths": [4, 4, 4]}
    )
    with torch.no_grad():
        model[0].weight.zero_()
        for unit, channel in [(1, 0), (2, 1)]:
            model[0].weight[unit, channel, 1, 1] = 1
    assert isinstance(model[0], nn.Conv2d)
    save_weights(model.state_dict(), place / directory.WEIGHTS)


def _write_concepts(place):
    chance = np.random.default_rng(0)
    for part in ("images", "masks"):
        (place / "val" / part).mkdir(parents=True)
    for number in range(6):
        mask = np.zeros((32, 32), np.uint8)
        for concept in (1, 2):
            top, left = chance.integers(0, 24, 2)
            mask[top : top + 6, left : left + 6] = concept
        picture = np.array([(0, 0, 255), (255, 0, 0), (0, 255, 0)], np.uint8)[mask]
        Image.fromarray(picture).save(place / f"val/images/{number}.png")
        Image.fromarray(mask).save(place / f"val/masks/{number}.png")
    (place / "classes.txt").write_text("\n".join(CONCEPTS))


def line(folder, *more, target="run"):
    concepts = ["--concepts", str(folder / "concepts"), "--quantile", "0.05"]
    return ["evaluate", str(folder / target), "--dissect", "0", *concepts, *more]


def test_each_unit_is_named_by_what_it_sees(folder, tmp_path, capfd):
    output = tmp_path / "out"

    assert run(line(folder, "--json", "--output", str(output))) == 0

    document = json.loads(capfd.readouterr().out)
    units = document["units"]
    assert [each["concept"] for each in units[1:3]] == ["red", "green"]
    assert min(each["iou"] for each in units[1:3]) > 0.9
    assert document["unique_detectors"] == 2
    assert json.loads((output / "units.json").read_text()) == document
    with Image.open(output / "units.png") as picture:
        assert picture.width > picture.height > 400  # 4 pictures of 3 units


def test_the_table_lists_the_concepts_and_says_where_the_pictures_are(folder, capfd):
    assert run(line(folder)) == 0

    shown = capfd.readouterr().out
    assert "red" in shown
    assert "with 2 different concepts" in shown
    assert (folder / "run" / "dissection-0" / "units.png").is_file()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--dissect", "nine"], "there is no layer 'nine'"),
        (["--dissect", "16"], "the layer 16 gives (1, 3); name one that gives maps"),
        (["--split", "test"], "there is no split 'test'"),
    ],
)
def test_what_cannot_be_dissected_is_a_sentence_and_leaves_nothing(
    folder, tmp_path, capfd, changed, told
):
    code = run([*line(folder, "--output", str(tmp_path / "out")), *changed])

    shown = capfd.readouterr()
    assert (code, shown.out) == (2, "")
    assert told in shown.err
    assert list(tmp_path.iterdir()) == []


def test_a_model_file_shows_no_layers(folder, tmp_path, capfd):
    model = onnx_files.write(tmp_path / "model.onnx", onnx_files.card("classification"))

    assert run(["evaluate", str(model), "--dissect", "0", "--concepts", str(folder)]) == 2
    assert "name the folder of its run" in capfd.readouterr().err


def test_concepts_have_to_be_named(folder, capfd):
    assert run(["evaluate", str(folder / "run"), "--dissect", "0"]) == 2
    assert "name a segmentation set with --concepts" in capfd.readouterr().err
