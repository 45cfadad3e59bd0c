"""torchvision's detectors trained from weights in a file, up to their model files."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

import akitsu
from akitsu.deploy.export import export
from akitsu.errors import TrainingError
from akitsu.models import registry
from akitsu.recipes.recipe import load
from akitsu.recipes.train import train
from akitsu.runtime.card import ModelCard
from akitsu.tasks.detection import Detection
from akitsu.tasks.network import Network

SIDE = 64
SMALL = [
    f"model.input_hw=[{SIDE}, {SIDE}]",
    "stop=[2, iteration]",
    "batch_size=2",
    "extensions.average=null",
]


def saved(path, name, *, classes, **options):
    """Weights of a network that nobody trained."""
    torch.manual_seed(1)
    model = registry.build(name, classes, in_channels=3, input_hw=(SIDE, SIDE), options=options)
    save_file(model.state_dict(), path)
    return path


@pytest.mark.slow
def test_ssdlite_begins_with_coco_s_weights_and_becomes_a_model_file(tmp_path):
    name = "ssdlite320_mobilenet_v3_large"
    weights = saved(tmp_path / "coco.safetensors", name, classes=90)
    more = [f"model.name={name}", f"model.pretrained={weights}", "model.freeze=backbone"]
    said = []

    folder = train(
        load("scenes-boxes", settings=[*SMALL, *more]), tmp_path / "run", say=said.append
    )

    before, after = (load_file(each) for each in (weights, folder / "best.safetensors"))
    first = "backbone.features.0.0.0.weight"
    assert torch.equal(before[first], after[first])
    assert any("begin anew: head.classification_head" in line for line in said)
    recognizer = akitsu.load(folder / "model.onnx")
    assert recognizer.card.model == name
    assert recognizer.classes == tuple("0123456789")


@pytest.mark.slow
def test_faster_rcnn_begins_with_its_classifier_s_weights_and_says_that_it_has_no_model_file(
    tmp_path,
):
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    weights = saved(tmp_path / "imagenet.safetensors", "mobilenet_v3_large", classes=1000)
    more = [f"model.name={name}", f"model.pretrained={weights}", "model.frozen_norm=true"]
    settings = [*SMALL, *more, "model.freeze=backbone.body"]

    said = []

    folder = train(load("scenes-boxes", settings=settings), tmp_path / "run", say=said.append)

    before, after = load_file(weights), load_file(folder / "best.safetensors")
    assert torch.equal(before["features.0.0.weight"], after["backbone.body.0.0.weight"])
    assert any(line.startswith("no model file: ") for line in said)
    assert (folder / "metrics.json").is_file()
    assert not (folder / "model.onnx").exists()


def test_a_network_that_cannot_be_exported_is_refused_with_one_that_can(tmp_path):
    name = "fasterrcnn_mobilenet_v3_large_320_fpn"
    with torch.device("meta"):
        model = registry.build(name, 3, in_channels=3, input_hw=(SIDE, SIDE))
    network = Network(model, Detection(), mean=[0.5], std=[0.5])
    card = ModelCard(
        task="detection",
        model=name,
        classes=("a", "b", "c"),
        input_hw=(SIDE, SIDE),
        channels=3,
        normalisation={"mean": [0.5] * 3, "std": [0.5] * 3},
    )

    with pytest.raises(TrainingError, match=r"cannot become a model file.* such as ssdlite320"):
        export(network, tmp_path / "model.onnx", card=card, pictures=[])

    assert not list(tmp_path.iterdir())
