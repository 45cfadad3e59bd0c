"""Class activation maps on the frame, wherever the frame lies in the input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.recipes.class_map import class_map
from akitsu.recipes.trained import Trained
from akitsu.tasks.classification import Classification
from akitsu.tasks.network import Network
from tests.runtime import onnx_files


def trained(**changes):
    """Its classes are the colours; the mean of each colour is the logit."""
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3)
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3)[..., None, None])
        model[3].weight.copy_(torch.eye(3))
        model[3].bias.zero_()
    network = Network(model, Classification(), mean=[0.0] * 3, std=[1.0] * 3).eval()
    card = onnx_files.card(changes.pop("task", "classification"), **changes)
    return Trained(Path("run"), None, card, network)


def spot(size_hw, box):
    left, top, right, bottom = box
    frame = np.zeros((*size_hw, 3), np.uint8)
    frame[top:bottom, left:right, 1] = 255
    return frame


@pytest.mark.parametrize("size_hw", [(32, 32), (64, 128), (120, 60), (33, 70)])
@pytest.mark.parametrize("changes", [{}, {"fit": "stretch"}])
def test_the_evidence_lies_where_the_colour_is(size_hw, changes):
    height, width = size_hw
    box = (width // 4, height // 2, width // 4 + 16, height // 2 + 16)

    seen = class_map(trained(pad_value=0, **changes), spot(size_hw, box))

    inside = np.zeros(size_hw, bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    assert seen.result.name == "green"
    assert seen.heat.shape == size_hw
    assert seen.heat[inside].mean() > 20 * max(seen.heat[~inside].mean(), 1e-9)
    np.testing.assert_allclose(seen.box, box, atol=4)


def test_what_the_input_does_not_show_has_no_evidence():
    frame = np.full((64, 64, 3), (0, 255, 0), np.uint8)

    seen = class_map(trained(crop=0.5), frame)

    assert seen.heat[32, 32] > 0.5
    assert seen.heat[2, 2] == seen.heat[61, 61] == 0


def test_a_run_that_is_no_classifier_is_a_sentence():
    with pytest.raises(RecipeError, match=r"run: .* this run is one of detection; leave out"):
        class_map(trained(task="detection"), spot((32, 32), (0, 0, 8, 8)))
