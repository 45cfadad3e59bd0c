"""What "auto" comes to, and the two recipes for photos in folders, up to their model files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import akitsu
from akitsu.errors import DataError, ModelFileError, RecipeError
from akitsu.models import registry
from akitsu.recipes import pretraining
from akitsu.recipes.pretraining import BACKBONE, FROM_SCRATCH, settle
from akitsu.recipes.recipe import Recipe, load
from akitsu.recipes.train import train
from akitsu.runtime.card import ModelCard
from akitsu.runtime.pictures import read_picture, write_picture
from akitsu.weights.download import DownloadError
from akitsu.weights.pretrained import IMAGENET, Pretrained

COLOURS = {"blue": (40, 60, 200), "green": (40, 190, 60), "red": (210, 50, 40)}
SIDE = 32


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight noisy pictures of each of three colours; the last of each is for validation."""
    folder = tmp_path_factory.mktemp("photos")
    chance = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for number in range(8):
            noise = chance.normal(0, 40, (SIDE, SIDE, 3))
            picture = np.clip(noise + colour, 0, 255).astype(np.uint8)
            write_picture(folder / name / f"{number}.png", picture)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A run's folder with weights of a squeezenet that nobody trained: random features will do."""
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = registry.build("squeezenet", 5, in_channels=3, input_hw=(SIDE, SIDE))
    save_file(model.state_dict(), folder / "best.safetensors")
    card = ModelCard(
        task="classification",
        model="squeezenet",
        classes=tuple("abcde"),
        input_hw=(SIDE, SIDE),
        channels=3,
        normalisation={"mean": [0.4, 0.4, 0.4], "std": [0.2, 0.2, 0.2]},
    )
    (folder / "card.json").write_text(card.to_json())
    return folder


def small(name: str, photos, *settings: str) -> Recipe:
    size = [f"model.input_hw=[{SIDE}, {SIDE}]", f"data.size_hw=[{SIDE}, {SIDE}]"]
    return load(name, settings=[f"data.path={photos}", *size, *settings])


def offline(monkeypatch):
    def refuse(name, *, version=None):
        raise DownloadError("it could not be fetched", where="there", do="try again")

    monkeypatch.setattr(pretraining.pretrained, "of_library", refuse)


def test_without_weights_a_small_network_begins_from_nothing_and_one_line_says_so(monkeypatch):
    offline(monkeypatch)
    said: list[str] = []

    settled = settle(load("photos"), say=said.append)

    assert settled.model.name == FROM_SCRATCH
    assert (settled.model.pretrained, settled.model.new_head) == (None, "plain")
    assert settled.optimizer.backbone_lr_scale is None
    assert len(said) == 1
    assert said[0].startswith("no pretrained weights (it could not be fetched): shufflenet_v2_x0_5")


def test_with_weights_the_recipe_says_of_which_network(monkeypatch):
    found = Pretrained({}, "torchvision's", BACKBONE, IMAGENET)
    monkeypatch.setattr(pretraining.pretrained, "of_library", lambda name, *, version: found)

    settled = settle(load("photos"), say=str)

    assert (settled.model.name, settled.model.pretrained) == (BACKBONE, True)
    assert settle(settled, say=str) == settled
    assert Recipe.model_validate(settled.model_dump(mode="json")) == settled


def test_weights_that_were_asked_for_and_cannot_be_had_are_an_error(monkeypatch):
    offline(monkeypatch)

    with pytest.raises(DownloadError):
        settle(load("photos", settings=["model.pretrained=true"]), say=str)


def test_few_shot_without_weights_is_refused(monkeypatch):
    offline(monkeypatch)

    with pytest.raises(RecipeError, match=r"none \(there: it could not be fetched\); name a file"):
        settle(load("few-shot"), say=str)


def test_weights_of_a_run_bring_their_network_and_leave_out_its_last_relu(weights):
    settled = settle(load("photos", settings=[f"model.pretrained={weights}"]), say=str)

    assert settled.model.name == "squeezenet"
    assert settled.model.options == {"last_relu": False}
    assert settled.model.pretrained == str(weights.resolve())


def test_weights_of_another_network_are_refused_with_the_right_one(weights):
    recipe = load("photos", settings=[f"model.pretrained={weights}", "model.name=resnet18"])

    with pytest.raises(RecipeError, match="are of squeezenet, and the network is resnet18; set mo"):
        settle(recipe, say=str)


def test_weights_that_do_not_say_their_network_ask_for_it(tmp_path):
    save_file({"a": torch.ones(1)}, tmp_path / "mine.safetensors")
    recipe = load("photos", settings=[f"model.pretrained={tmp_path}/mine.safetensors"])

    with pytest.raises(RecipeError, match=r"nothing says of which network.*set model.name to it"):
        settle(recipe, say=str)


def test_a_misspelt_file_is_an_error_and_no_name_of_weights():
    with pytest.raises(ModelFileError, match="there are no such weights"):
        settle(load("photos", settings=["model.pretrained=nowhere.net"]), say=str)


def test_a_recipe_without_weights_is_left_as_it_is():
    recipe = load("digits")

    assert settle(recipe, say=str) == recipe


@pytest.mark.slow
def test_few_shot_goes_from_a_few_pictures_to_one_model_file(photos, weights, tmp_path):
    """Random features tell three colours apart; the file holds features and head."""
    said: list[str] = []
    recipe = small("few-shot", photos, f"model.pretrained={weights}")

    folder = train(recipe, tmp_path / "run", say=said.append)

    recognizer = akitsu.load(folder / "model.onnx")
    for name in COLOURS:
        answer = recognizer(read_picture(photos / name / "7.png"))
        assert answer.classes[answer.label] == name
    card = json.loads((folder / "card.json").read_text())
    assert card["normalisation"] == {"mean": [0.4] * 3, "std": [0.2] * 3}
    assert card["provenance"]["pretrained"].startswith("squeezenet trained by")
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["cross_validated_accuracy"] == 1.0
    assert environment["features"] == 512
    assert (folder / "few_shot.png").is_file()
    assert any("50 of 52 tensors loaded; of another shape" in text for text in said)


@pytest.mark.slow
def test_photos_begins_with_weights_and_keeps_what_is_frozen(photos, weights, tmp_path):
    settings = ["stop=[3, iteration]", "batch_size=8", "model.freeze=features.conv1"]
    recipe = small("photos", photos, f"model.pretrained={weights}", *settings)

    folder = train(recipe, tmp_path / "run", say=str)

    before, after = (load_file(each / "best.safetensors") for each in (weights, folder))
    assert torch.equal(before["features.conv1.weight"], after["features.conv1.weight"])
    assert not torch.equal(
        before["features.fire9.squeeze.weight"], after["features.fire9.squeeze.weight"]
    )
    assert json.loads((folder / "metrics.json").read_text())["metrics"]["accuracy"]["value"] > 0.6


@pytest.mark.slow
def test_photos_goes_through_without_any_weights(photos, tmp_path, monkeypatch):
    offline(monkeypatch)

    folder = train(small("photos", photos, "stop=[2, iteration]"), tmp_path / "run", say=str)

    assert akitsu.load(folder / "model.onnx").card.model == FROM_SCRATCH
    assert "pretrained" not in akitsu.load(folder / "model.onnx").card.provenance


def test_a_class_without_a_picture_to_learn_from_is_named(photos, weights, tmp_path):
    recipe = small(
        "few-shot", photos, f"model.pretrained={weights}", "data.classes=[blue, green, red, yellow]"
    )

    with pytest.raises(DataError, match="no picture of yellow to learn from"):
        train(recipe, tmp_path / "run", say=str)
