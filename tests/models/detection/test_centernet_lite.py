"""Targets, losses and decoding of the heatmap detector, against planted boxes."""

from __future__ import annotations

import math

import pytest
import torch

from akitsu.models import registry
from akitsu.models.detection.centernet_lite import focal_loss, targets

STRIDE = 4


def planted(boxes, labels, *, classes=2, map_hw=(12, 16)):
    return targets(
        torch.tensor([boxes], dtype=torch.float32),
        torch.tensor([labels]),
        classes=classes,
        map_hw=map_hw,
        stride=STRIDE,
    )


def test_a_box_has_heat_one_at_its_centre_and_there_alone():
    """Centre (30, 20) lies in column 7, row 5 of a map of stride 4."""
    heat, _, _ = planted([[10, 8, 50, 32]], [1])

    assert (heat == 1).nonzero().tolist() == [[0, 1, 5, 7]]
    assert not heat[0, 0].any()


def test_the_heat_falls_off_and_stays_inside_the_box():
    heat, _, weight = planted([[10, 8, 50, 32]], [1])

    rows, columns = heat[0, 1].nonzero(as_tuple=True)
    assert columns.min() * STRIDE >= 10
    assert (columns.max() + 1) * STRIDE <= 50
    assert rows.min() * STRIDE >= 8
    assert (rows.max() + 1) * STRIDE <= 32
    assert heat[0, 1, 5, 7] > heat[0, 1, 5, 8] > heat[0, 1, 5, 9] > 0
    assert ((weight[0] > 0) == (heat[0, 1] > 0)).all()


def test_the_smallest_box_still_has_its_centre():
    heat, _, weight = planted([[21, 21, 22, 22]], [0])

    assert heat[0, 0].nonzero().tolist() == [[5, 5]]
    assert weight[0].nonzero().tolist() == [[5, 5]]


def test_a_place_without_a_box_teaches_nothing():
    heat, _, weight = planted([[10, 8, 50, 32]], [-1])

    assert not heat.any()
    assert not weight.any()


def test_inside_two_boxes_the_smaller_one_is_learnt():
    _, owner, weight = planted([[0, 0, 60, 44], [22, 14, 38, 30]], [0, 0])

    assert owner[0, 5, 7] == 1
    assert owner[0, 4, 4] == 0
    assert weight[0, 4, 4] > 0


def test_a_large_box_weighs_in_total_the_logarithm_of_its_area():
    """A large box owns more positions, and must not therefore drown the small ones."""
    _, _, weight = planted([[10, 8, 50, 32]], [0])

    assert weight.sum().item() == pytest.approx(math.log(40 * 24), rel=1e-5)


def test_the_focal_loss_is_the_sum_over_its_positions():
    torch.manual_seed(0)
    logits, heat = torch.randn(2, 3, 4), torch.rand(2, 3, 4)
    heat[0, 0, 0] = heat[1, 2, 3] = 1
    by_hand = 0.0
    for x, y in zip(logits.flatten().tolist(), heat.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-x))
        if y == 1:
            by_hand -= (1 - p) ** 2 * math.log(p)
        else:
            by_hand -= (1 - y) ** 4 * p**2 * math.log(1 - p)

    assert focal_loss(logits, heat).item() == pytest.approx(by_hand, rel=1e-5)


def test_a_very_sure_network_has_a_finite_loss():
    logits = torch.tensor([-200.0, 200.0])

    assert focal_loss(logits, torch.tensor([1.0, 0.0])).isfinite()


def perfect_distances(box, map_hw):
    rows, columns = (torch.arange(side) * STRIDE + STRIDE / 2 for side in map_hw)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    left, top, right, bottom = box
    return torch.stack([x - left, y - top, right - x, bottom - y])[None]


def loss_of(logits, distances, boxes, labels):
    model = registry.build("centernet-lite", 2, in_channels=3, input_hw=(48, 64))
    model.raw = lambda images: (logits, distances)
    boxes, labels = torch.tensor([boxes], dtype=torch.float32), torch.tensor([labels])
    return model(torch.zeros(1, 3, 48, 64), boxes, labels)


def test_perfect_distances_have_no_box_loss():
    box = [10, 8, 50, 32]

    values = loss_of(torch.zeros(1, 2, 12, 16), perfect_distances(box, (12, 16)), [box], [0])

    assert values["box"].item() == pytest.approx(0, abs=1e-5)
    assert values["loss"].item() == pytest.approx(values["heat"].item(), rel=1e-4)


def test_distances_beside_the_box_have_a_box_loss():
    box = [10, 8, 50, 32]

    values = loss_of(torch.zeros(1, 2, 12, 16), perfect_distances(box, (12, 16)) + 4, [box], [0])

    assert values["box"] > 0.2
    assert values["loss"].item() == pytest.approx((values["heat"] + 5 * values["box"]).item())


def test_a_picture_without_boxes_teaches_the_background_only():
    distances = torch.ones(1, 4, 12, 16, requires_grad=True)

    values = loss_of(torch.zeros(1, 2, 12, 16), distances, [[0, 0, 0, 0]], [-1])

    assert values["box"].item() == 0
    assert values["loss"] > 0


def test_decoding_finds_planted_peaks_with_their_boxes():
    """Two objects of two classes; a third, beside the first and less sure, is no peak."""
    torch.manual_seed(0)
    model = registry.build("centernet-lite", 2, in_channels=3, input_hw=(48, 64)).eval()
    logits, distances = torch.full((1, 2, 12, 16), -9.0), torch.ones(1, 4, 12, 16)
    logits[0, 1, 5, 7], logits[0, 1, 5, 8], logits[0, 0, 2, 3] = 3.0, 2.0, 1.0
    distances[0, :, 5, 7] = torch.tensor([20.0, 14, 20, 10])
    distances[0, :, 2, 3] = torch.tensor([4.0, 3, 2, 1])
    model.raw = lambda images: (logits, distances)

    boxes, scores, labels = model.decode(torch.zeros(1, 3, 48, 64))

    assert labels[0, :2].tolist() == [1, 0]
    torch.testing.assert_close(scores[0, :2], torch.tensor([3.0, 1.0]).sigmoid())
    assert boxes[0, :2].tolist() == [[10, 8, 50, 32], [10, 7, 16, 11]]
    assert (scores[0, 2:] < 0.01).all()
    assert boxes.shape == (1, 100, 4)


def test_a_small_map_gives_as_many_boxes_as_it_has_places():
    torch.manual_seed(0)
    model = registry.build("centernet-lite", 1, in_channels=3, input_hw=(16, 16)).eval()

    with torch.no_grad():
        boxes, scores, labels = model.decode(torch.zeros(2, 3, 16, 16))

    assert boxes.shape == (2, 16, 4)
    assert (scores.diff(dim=1) <= 0).all()
    assert labels.dtype == torch.int64
