"""An exported file answers as its network does, says what it is, and not where it was made."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import akitsu
from akitsu.deploy import export as deploy
from akitsu.deploy.export import disagreement, export
from akitsu.errors import OutputError, TrainingError
from akitsu.models import registry
from akitsu.runtime.card import METADATA_KEY, ModelCard
from akitsu.runtime.recognizer import Recognizer
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task

INPUT_HW = (32, 48)
CARD = ModelCard(
    task="segmentation",
    model="res-unet",
    classes=("floor", "door", "chair"),
    input_hw=INPUT_HW,
    channels=3,
    normalisation={"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.2, 0.3]},
)


def frames():
    """Frames of other sizes than the input, smooth as pictures are."""
    rng = np.random.default_rng(0)
    knots = torch.from_numpy(rng.uniform(0, 255, (3, 3, 4, 5)))
    sizes = [(32, 48), (60, 50), (21, 80)]
    return [
        torch.nn.functional.interpolate(each[None], size_hw, mode="bilinear")[0]
        .permute(1, 2, 0)
        .to(torch.uint8)
        .numpy()
        for each, size_hw in zip(knots, sizes, strict=True)
    ]


def make_network(seed=0):
    torch.manual_seed(seed)
    options = {"widths": [8, 8, 8, 12]}
    model = registry.build("res-unet", 3, in_channels=3, input_hw=INPUT_HW, options=options)
    for module in model.modules():  # statistics as after a training, not zero and one
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    model.eval()
    with torch.no_grad():  # no class wins everywhere, or every two networks would agree
        pictures = torch.rand(4, 3, *INPUT_HW) * 4 - 2
        model.score.bias -= model(pictures).mean((0, 2, 3))
    normalisation = CARD.normalisation
    task = make_task("segmentation", {})
    return Network(model, task, mean=normalisation["mean"], std=normalisation["std"]).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    network, path = make_network(), tmp_path_factory.mktemp("export") / "model.onnx"
    export(network, path, card=CARD, pictures=frames())
    return network, path


def test_the_file_answers_as_the_network(exported):
    network, path = exported
    inputs = np.random.default_rng(1).integers(0, 256, (5, *INPUT_HW, 3), np.uint8)

    given = Recognizer(path).predict_inputs(inputs)["masks"]
    wanted = network.predict_inputs(inputs)["masks"]

    assert (given != wanted).mean() < 1 / 500
    assert len(np.unique(wanted)) > 1


def test_frames_of_any_size_get_a_mask_of_their_size(exported):
    _, path = exported

    masks = [result.mask.shape for result in Recognizer(path).batch(frames())]

    assert masks == [(32, 48), (60, 50), (21, 80)]


def test_the_file_carries_its_card_and_nothing_beside_it(exported):
    _, path = exported

    metadata = {entry.key: entry.value for entry in onnx.load(path).metadata_props}

    assert set(metadata) == {METADATA_KEY}
    assert Recognizer(path).card == CARD
    assert [each.name for each in path.parent.iterdir()] == ["model.onnx"]


def test_no_trace_of_the_machine_is_in_the_file(exported):
    _, path = exported
    content = path.read_bytes()

    traces = [Path(akitsu.__file__).parent, Path.home(), path.parent, Path(torch.__file__).parent]
    for trace in [*map(str, traces), "site-packages", ".py"]:
        assert trace.encode() not in content, trace


def test_a_network_changed_after_its_export_is_refused_and_not_written(
    exported, tmp_path, monkeypatch
):
    """The graph is that of the network before the change."""
    network, path = make_network(), exported[1]
    monkeypatch.setattr(deploy, "_write_graph", lambda _, to, card: shutil.copy(path, to))
    with torch.no_grad():
        network.model.score.weight.neg_()

    with pytest.raises(TrainingError, match=r"answers otherwise than the network \(\d+ of \d+ pix"):
        export(network, tmp_path / "model.onnx", card=CARD, pictures=frames())

    assert list(tmp_path.iterdir()) == []


def test_the_network_itself_has_no_disagreement(exported):
    network, path = exported

    assert disagreement(network, Recognizer(path), card=CARD, pictures=frames()) is None


def test_a_standing_file_is_not_replaced_without_force(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"precious")

    with pytest.raises(OutputError, match="exists already"):
        export(make_network(), tmp_path / "model.onnx", card=CARD, pictures=frames(), force=False)

    assert (tmp_path / "model.onnx").read_bytes() == b"precious"
