"""Network dissection: thresholds that are exact, and overlaps over the whole set."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError, ShapeError
from akitsu.models.classification.dissection import dissect, dissect_units, unit_thresholds

SQUARE = torch.zeros(4, 4, dtype=torch.long)
SQUARE[:2, :2] = 1


def test_a_threshold_is_exceeded_by_exactly_the_quantile():
    torch.manual_seed(0)
    units = torch.randn(6, 3, 5, 5)

    whole = unit_thresholds([units], pictures=6, quantile=0.1)
    parts = unit_thresholds(units.split([1, 4, 1]), pictures=6, quantile=0.1)

    assert (units > whole.view(-1, 1, 1)).sum((0, 2, 3)).tolist() == [15, 15, 15]
    assert torch.equal(whole, parts)


def test_too_few_positions_for_a_quantile_are_a_sentence():
    with pytest.raises(ShapeError, match=r"of 8 positions a part of 0.005 is not one"):
        unit_thresholds([torch.rand(2, 1, 2, 2)], pictures=2, quantile=0.005)


def test_an_overlap_is_the_set_s_and_not_the_mean_of_its_pictures():
    """4 of 4 pixels in one picture, 0 of 8 in the other: 4/12, and not (1 + 0) / 2."""
    hit, miss = torch.zeros(2, 1, 4, 4)
    hit[0, :2, :2] = 1
    miss[0, 3] = 1
    units, masks = torch.stack([hit, miss]), torch.stack([SQUARE, SQUARE])

    found = dissect_units(
        lambda: [(units, masks)], pictures=2, concepts=["rest", "square"], quantile=0.25
    )

    assert found.thresholds.tolist() == [0]
    assert float(found.iou[0, 1]) == pytest.approx(4 / 12)


def test_pixels_without_a_label_count_nowhere():
    units = torch.zeros(1, 1, 4, 4)
    units[0, 0, :2] = 1
    mask = SQUARE.clone()
    mask[:, 2:] = 255

    found = dissect_units(
        lambda: [(units, mask[None])], pictures=1, concepts=["rest", "square"], quantile=0.5
    )

    assert found.iou.tolist() == [[0, 1]]


def test_a_concept_that_is_nowhere_names_no_unit():
    units = torch.zeros(1, 2, 4, 4)
    units[0, 0, :2, :2] = 1

    found = dissect_units(
        lambda: [(units, SQUARE[None])],
        pictures=1,
        concepts=["rest", "square", "moon"],
        quantile=0.25,
        iou_threshold=0.5,
    )

    assert found.detectors() == {0: 1}
    assert found.unique() == 1
    assert found.best()[1].tolist() == [1, 0]


def test_units_that_share_a_concept_are_one_detector_more_than_none():
    units = torch.zeros(1, 2, 4, 4)
    units[0, :, :2, :2] = 1

    found = dissect_units(
        lambda: [(units, SQUARE[None])], pictures=1, concepts=["rest", "square"], quantile=0.25
    )

    assert found.detectors() == {0: 1, 1: 1}
    assert found.unique() == 1


def red_green():
    """Its first layer passes red and green on."""
    model = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.Flatten(), nn.Linear(32, 2))
    with torch.no_grad():
        model[0].weight[:, :, 0, 0] = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    return model.eval()


def painted():
    """A red square on green ground, twice."""
    images = torch.zeros(2, 3, 4, 4)
    images[:, 0] = SQUARE == 1
    images[:, 1] = SQUARE == 0
    return [(images[:1], SQUARE[None]), (images[1:], SQUARE[None])]


def test_the_units_of_a_named_layer_are_dissected():
    found = dissect(red_green(), "0", painted, pictures=2, concepts=["green", "red"], quantile=0.25)

    assert float(found.iou[0, 1]) == 1
    assert found.detectors()[0] == 1


@pytest.mark.parametrize(
    ("layer", "error", "told"),
    [
        ("feature", RecipeError, "there is no layer 'feature'; name one of 0, 1, 2"),
        ("", RecipeError, "there is no layer ''"),
        ("2", ShapeError, r"the layer 2 gives \(1, 2\); name one that gives maps"),
    ],
)
def test_a_layer_that_cannot_be_dissected_is_a_sentence(layer, error, told):
    with pytest.raises(error, match=told):
        dissect(red_green(), layer, painted, pictures=2, concepts=["green", "red"])
