from __future__ import annotations

import pytest

from akitsu.data.formats.registry import read
from akitsu.runtime.card import ModelCard
from akitsu.scores.evaluate import evaluate
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.weights.darknet_file import DarknetFiles
from akitsu.weights.importers import Said

from .coco_reference import agree_with_coco


@pytest.mark.shared
def test_real_detections_of_real_photos_score_as_by_coco(shared_data):
    """80 classes in 77 photos, many of them absent."""
    folder = shared_data / "weights" / "yolo-fastest"
    imported = DarknetFiles().load(folder / "yolo-fastest-1.1.cfg", Said())
    network = Network(
        imported.model, make_task("detection", {}), mean=imported.mean, std=imported.std
    )
    shape = {"input_hw": imported.input_hw, "channels": imported.channels, "fit": imported.fit}
    card = ModelCard(task="detection", model=imported.name, classes=imported.classes, **shape)
    photos = read(shared_data / "coco256", "val")

    scores = evaluate(network.eval().predict_inputs, photos, card)

    agree_with_coco(scores, scores._pictures)
