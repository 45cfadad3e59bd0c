"""YOLO v1: its numbers, its loss on paper, and its boxes."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.claims.yolo_v1 import LABELS, TOTALS, TRUTHS, examples, grid, perfect_output
from akitsu.models import registry
from akitsu.models.detection.boxes import box_iou, to_xyxy
from akitsu.models.detection.yolo_v1 import YoloV1, one_a_cell

PARTS = ("coordinates", "object", "no_object", "class")
# Of the five examples, reckoned by hand.
WANTED = (
    (4.55, 0, 0, 1),
    (2.85, 0.009506, 0.485, 1),
    (0.05, 0.0196, 12.125, 5),
    (0.8, 0.142466, 12, 10),
    (2.7, 0.344908, 17.075, 12.78),
)


def pixels(truths):
    return to_xyxy(truths)[None] * 448


@pytest.mark.parametrize(
    ("name", "classes", "side", "parameters", "outputs"),
    [
        ("yolo-v1", 20, 448, 271_703_550, 1470),
        ("tiny-yolo-v1", 20, 448, 27_095_374, 1470),
        ("tiny-yolo-v1-2015", 20, 448, 45_089_374, 1470),
        ("small-yolo-v1", 3, 64, 241_312, 208),
    ],
)
def test_the_networks_have_the_parameters_and_outputs_of_their_pages(
    name, classes, side, parameters, outputs
):
    with torch.device("meta"):
        model = registry.build(name, classes, in_channels=3, input_hw=(side, side))
        (raw,) = model.eval().raw(torch.zeros(2, 3, side, side))

    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert f"{parameters:,}" in registry.entry(name).page
    assert raw.shape == (2, outputs)


@pytest.mark.parametrize(
    ("example", "total", "wanted"), list(zip(examples(), TOTALS, WANTED, strict=True))
)
def test_the_loss_and_each_of_its_parts_are_those_reckoned_by_hand(example, total, wanted):
    outputs, count = example

    losses = grid().losses((outputs,), pixels(TRUTHS[:count]), LABELS[None, :count])

    assert losses["loss"].item() == pytest.approx(total, abs=1e-5)
    assert [losses[part].item() for part in PARTS] == pytest.approx(wanted, abs=1e-5)


def by_loops(model, outputs, truths, labels):
    """The same loss for one picture, one truth after another."""
    rows, columns = model.grid_hw
    classes, confidences, numbers = (part[0] for part in model.parts(outputs))
    total, taken = 0.5 * confidences.square().sum().item(), set()
    for truth, label in zip(truths.tolist(), labels.tolist(), strict=True):
        x, y, w, h = truth
        column, row = int(x * columns), int(y * rows)
        cell = row * columns + column
        if cell in taken or min(w, h) < 0.005:
            continue
        taken.add(cell)
        boxes = []
        for a, b, c, d in numbers[cell].tolist():
            boxes.append([(column + a) / columns, (row + b) / rows, c * c, d * d])
        overlaps = box_iou(to_xyxy(torch.tensor(boxes)), to_xyxy(torch.tensor([truth])))[:, 0]
        apart = [math.dist(box, truth) for box in boxes]
        best = int(overlaps.argmax()) if overlaps.max() > 0 else apart.index(min(apart))
        sure = confidences[cell, best].item()
        total += (sure - overlaps[best].item()) ** 2 - 0.5 * sure**2
        for kind, share in enumerate(classes[cell].tolist()):
            total += (share - (kind == label)) ** 2
        wanted = x * columns - column, y * rows - row, math.sqrt(w), math.sqrt(h)
        total += 5 * math.dist(numbers[cell, best].tolist(), wanted) ** 2
    return total


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 5))
def test_the_loss_is_that_of_a_loop_over_the_truths(seed, count):
    """With two objects in one cell, objects too small, and boxes that touch nothing."""
    generator = torch.Generator().manual_seed(seed)
    model = YoloV1(torch.nn.Sequential(), classes=3, input_hw=(96, 128), grid_hw=(3, 4)).eval()
    outputs = torch.randn(1, 12 * 13, generator=generator) * 0.5
    truths = torch.rand(count, 4, generator=generator) * torch.tensor([1, 1, 0.3, 0.3])
    truths[::3, 2] *= 0.01
    labels = torch.randint(3, (count,), generator=generator)
    boxes = to_xyxy(truths) * torch.tensor([128, 96, 128, 96])

    loss = model.losses((outputs,), boxes[None], labels[None])["loss"]

    assert loss.item() == pytest.approx(by_loops(model, outputs, truths, labels), rel=1e-4)


def test_a_batch_has_the_mean_loss_of_its_pictures_and_absent_boxes_count_nothing():
    outputs = torch.rand(2, 1470, generator=torch.Generator().manual_seed(0))
    boxes = pixels(TRUTHS).repeat(2, 1, 1)
    labels = torch.tensor([[3, 0], [3, -1]])

    whole = grid().losses((outputs,), boxes, labels)["loss"]

    first = grid().losses((outputs[:1],), boxes[:1], labels[:1])["loss"]
    second = grid().losses((outputs[1:],), boxes[1:, :1], labels[1:, :1])["loss"]
    assert whole.item() == pytest.approx((first + second).item() / 2)


def test_the_wanted_confidence_is_the_overlap_and_has_no_gradient():
    """Copies of this loss that want 1 push confidences up wherever the boxes are bad."""
    outputs = torch.full((1, 1470), 0.5, requires_grad=True)

    grid().losses((outputs,), pixels(TRUTHS[:1]), LABELS[None, :1])["object"].backward()

    moved = outputs.grad[0].nonzero()[:, 0].tolist()
    assert moved == [980 + 2 * 24]  # the first confidence of cell (3, 3), and no coordinate
    assert outputs.grad[0, moved[0]].item() == pytest.approx(2 * (0.5 - 0.64), abs=1e-6)


def test_without_any_object_only_the_confidences_are_pressed_down():
    losses = grid().losses((torch.ones(1, 1470),), torch.zeros(1, 0, 4), torch.zeros(1, 0).long())

    assert losses["loss"].item() == pytest.approx(0.5 * 98)


def test_in_training_chance_chooses_between_two_objects_of_one_cell():
    model = grid().train()
    outputs = torch.zeros(1, 1470)
    truths = torch.tensor([[0.5, 0.5, 0.25, 0.16], [0.51, 0.51, 0.5, 0.5]])
    torch.manual_seed(0)

    seen = {
        round(model.losses((outputs,), pixels(truths), LABELS[None])["loss"].item(), 4)
        for _ in range(20)
    }

    assert len(seen) == 2


def test_the_first_in_a_cell_is_kept_and_the_smallest_are_left_out():
    truths = torch.tensor(
        [
            [
                [0.1, 0.1, 0.5, 0.004],
                [0.12, 0.1, 0.2, 0.2],
                [0.2, 0.2, 0.3, 0.3],
                [1.0, 1.0, 0.1, 0.1],
            ]
        ]
    )

    taken, kept, labels = one_a_cell(truths, torch.tensor([[0, 1, 2, 3]]), grid_hw=(2, 2))

    assert taken.tolist() == [[True, False, False, True]]
    assert labels[taken].tolist() == [1, 3]
    torch.testing.assert_close(kept[taken], truths[0, [1, 3]])


@settings(deadline=None, max_examples=30)
@given(
    st.floats(0, 0.999), st.floats(0, 0.999), st.floats(0.01, 1), st.floats(0.01, 1),
    st.integers(0, 4),
)  # fmt: skip
def test_a_perfect_output_decodes_to_the_truth_and_costs_nothing(x, y, w, h, label):
    model = YoloV1(torch.nn.Sequential(), classes=5, input_hw=(96, 160), grid_hw=(3, 5)).eval()
    truth, labels = torch.tensor([[[x, y, w, h]]]), torch.tensor([[label]])
    outputs = perfect_output(model, truth, labels)
    boxes = to_xyxy(truth) * torch.tensor([160, 96, 160, 96])

    model.raw = lambda _: (outputs,)
    found, scores, kinds = model.decode(torch.zeros(1, 3, 96, 160))

    assert scores[0, 0].item() == pytest.approx(1)
    assert scores[0, 1:].abs().max() == 0
    assert kinds[0, 0] == label
    assert box_iou(found[0, :1], boxes[0]).item() > 1 - 1e-4
    assert model.losses((outputs,), boxes, labels)["loss"] < 1e-8


def test_a_negative_root_is_a_box_like_any_other():
    """A net that writes sides, rather than roots, and takes the root of them, gives NaN here."""
    outputs = torch.full((1, 1470), -0.3, requires_grad=True)

    losses = grid().losses((outputs,), pixels(TRUTHS), LABELS[None])
    losses["loss"].backward()

    assert losses["loss"].isfinite()
    assert outputs.grad.isfinite().all()
