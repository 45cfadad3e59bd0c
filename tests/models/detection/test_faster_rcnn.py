"""Faster R-CNN's anchors, targets, proposals and sampling, on answers that follow on paper."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.models import registry
from akitsu.models.detection import faster_rcnn, region_proposals
from akitsu.models.detection.boxes import box_iou, encode
from akitsu.models.detection.faster_rcnn import rois, small_faster_rcnn
from akitsu.models.detection.region_proposals import (
    BACKGROUND,
    IGNORED,
    OBJECT,
    anchors,
    propose,
    proposer_losses,
    proposer_targets,
    sampled,
)

# Of the authors' program, corners in whole pixels with the last one included.
NINE = [
    (-84, -40, 99, 55), (-176, -88, 191, 103), (-360, -184, 375, 199),
    (-56, -56, 71, 71), (-120, -120, 135, 135), (-248, -248, 263, 263),
    (-36, -80, 51, 95), (-80, -168, 95, 183), (-168, -344, 183, 359),
]  # fmt: skip
SIZE_HW = (48, 64)


def test_the_nine_anchors_are_those_of_the_authors():
    at = anchors((1, 1), 16, scales=(8, 16, 32), ratios=(0.5, 1, 2))

    last_pixel = at - torch.tensor([0, 0, 1, 1])
    assert last_pixel.int().tolist() == [list(each) for each in NINE]


def test_anchors_stand_row_by_row_around_the_middle_of_each_cell():
    at = anchors((2, 3), 8, scales=(1, 2), ratios=(1,))

    middles = (at[:, :2] + at[:, 2:]) / 2
    assert middles[::2].tolist() == [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]
    assert torch.equal(middles[::2], middles[1::2])


def test_the_proposer_answers_in_the_order_of_the_anchors():
    """A weight that counts columns only: what an anchor is told must be its own cell."""
    model = small_model()
    features = faster_ramp(model)
    with torch.no_grad():
        for part in (model.proposer.objectness, model.proposer.shift):
            part.weight.zero_()
            part.weight[:, 0] = 1
        model.proposer.slide = torch.nn.Identity()

    objectness, shifts = model.proposer(features)

    at = model.proposer.anchors(features)
    columns = ((at[:, 0] + at[:, 2]) / 2 / 8 - 0.5).round()
    assert torch.equal(objectness[0], columns)
    assert torch.equal(shifts[0, :, 3], columns)


def faster_ramp(model):
    """A map whose first channel is its column."""
    channels = model.proposer.objectness.in_channels
    maps = torch.zeros(1, channels, 6, 8)
    maps[:, 0] = torch.arange(8.0)
    return maps


def small_model(**options):
    torch.manual_seed(0)
    given = {"widths": (4, 8, 8), "depth": 1, "scales": (1.25, 2.5), "ratios": (0.5, 1)}
    model = small_faster_rcnn(3, 3, **(given | {"proposals": 12, "hidden": 16} | options))
    assert isinstance(model, faster_rcnn.FasterRCNN)
    return model


def test_an_anchor_is_an_object_background_or_neither_by_its_overlap():
    at = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [0, 0, 10, 5], [0, 0, 10, 2]])
    boxes, labels = torch.tensor([[[0.0, 0, 10, 10]]]), torch.tensor([[2]])

    kinds, owners = proposer_targets(at, boxes, labels)

    assert kinds.tolist() == [[OBJECT, OBJECT, IGNORED, BACKGROUND]]
    assert owners.tolist() == [[0, 0, 0, 0]]


def test_a_box_that_no_anchor_fits_has_its_best_ones_ties_included():
    """Overlaps of a quarter: below the background's 0.3, and yet the best there is."""
    at = torch.tensor([[0.0, 0, 10, 10], [10, 10, 20, 20], [40, 40, 50, 50]])
    boxes = torch.tensor([[[0.0, 0, 20, 20], [0, 0, 0, 0]]])

    kinds, _ = proposer_targets(at, boxes, torch.tensor([[0, -1]]))

    assert kinds.tolist() == [[OBJECT, OBJECT, BACKGROUND]]


def test_without_boxes_all_anchors_are_background():
    kinds, _ = proposer_targets(
        torch.tensor([[0.0, 0, 9, 9]]), torch.zeros(2, 1, 4), torch.full((2, 1), -1)
    )

    assert kinds.tolist() == [[BACKGROUND], [BACKGROUND]]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 6))
def test_a_sample_has_few_objects_and_is_filled_with_background(seed, n, most):
    torch.manual_seed(seed)
    kinds = torch.randint(-1, 2, (3, 20))

    objects, background = sampled(kinds == OBJECT, kinds == BACKGROUND, n=n, most=min(most, n))

    there = (kinds == OBJECT).sum(1)
    wanted = there.clamp(max=min(most, n))
    assert torch.equal(objects.sum(1), wanted)
    assert torch.equal(background.sum(1), torch.minimum((kinds == BACKGROUND).sum(1), n - wanted))
    assert not (objects & (kinds != OBJECT)).any()
    assert not (background & (kinds != BACKGROUND)).any()


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_proposals_lie_apart_in_the_picture_best_first(seed):
    generator = torch.Generator().manual_seed(seed)
    at = anchors((6, 8), 8, scales=(1, 2, 4), ratios=(0.5, 1))
    objectness = torch.randn(2, len(at), generator=generator)
    shifts = torch.randn(2, len(at), 4, generator=generator)

    boxes, real = propose(objectness, shifts, at, size_hw=SIZE_HW, n=30)

    assert boxes.shape == (2, 30, 4)
    for each, there in zip(boxes, real, strict=True):
        some = each[there]
        assert (some >= 0).all()
        assert (some <= torch.tensor([64, 48, 64, 48])).all()
        assert (some[:, 2:] - some[:, :2] >= region_proposals.LEAST_SIDE).all()
        assert box_iou(some, some).fill_diagonal_(0).max() <= region_proposals.OVERLAP
        assert not there.int().diff().gt(0).any()


def test_the_best_anchor_is_proposed_first_and_what_lies_on_it_not_at_all():
    at = torch.tensor([[0.0, 0, 20, 20], [1, 0, 21, 20], [30, 10, 50, 40]])
    objectness = torch.tensor([[1.0, 2, -3]])

    boxes, real = propose(objectness, torch.zeros(1, 3, 4), at, size_hw=SIZE_HW, n=3)

    torch.testing.assert_close(boxes[0, :2], at[1:], atol=1e-5, rtol=0)
    assert real.tolist() == [[True, True, False]]


def test_the_graph_of_a_model_file_proposes_the_same(monkeypatch):
    at = anchors((6, 8), 8, scales=(1, 2, 4), ratios=(0.5, 1))
    torch.manual_seed(0)
    objectness, shifts = torch.randn(3, len(at)), torch.randn(3, len(at), 4)
    one_by_one = propose(objectness, shifts, at, size_hw=SIZE_HW, n=20)

    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    together = propose(objectness, shifts, at, size_hw=SIZE_HW, n=20)

    for one, other in zip(one_by_one, together, strict=True):
        assert torch.equal(one, other)


def test_the_second_look_learns_from_the_true_boxes_too():
    proposals = torch.tensor([[[30.0, 30, 40, 40]], [[0, 0, 5, 5]]])
    boxes = torch.tensor([[[2.0, 3, 20, 17], [25, 20, 46, 47]], [[10, 10, 16, 15], [0, 0, 0, 0]]])
    labels = torch.tensor([[2, 0], [1, -1]])

    found = rois(proposals, torch.tensor([[True], [False]]), boxes=boxes, labels=labels)

    assert found.pictures.tolist() == [0, 0, 0, 1]
    assert found.classes.tolist() == [0, 3, 1, 2]
    assert torch.equal(found.boxes[1:], boxes[labels >= 0])
    assert torch.equal(found.owners[1:], boxes[labels >= 0])


def test_the_losses_of_both_looks_are_those_written_out(monkeypatch):
    """Where nothing has to be drawn by lot: more learn than there are."""
    monkeypatch.setattr(region_proposals, "ANCHORS", 10_000)
    monkeypatch.setattr(region_proposals, "ANCHOR_OBJECTS", 10_000)
    model = small_model()
    boxes = torch.tensor([[[2.0, 3, 20, 17], [25, 20, 46, 47]], [[10, 10, 16, 15], [0, 0, 0, 0]]])
    labels = torch.tensor([[2, 0], [1, -1]])
    raw = model.raw(torch.randn(2, 3, *SIZE_HW))
    features, objectness, shifts, _, _ = (each.detach() for each in raw)
    at = model.proposer.anchors(features)

    losses = proposer_losses(objectness, shifts, at, boxes=boxes, labels=labels)

    kinds, owners = proposer_targets(at, boxes, labels)
    score, box, count = 0.0, 0.0, 0
    for picture in range(2):
        for n, kind in enumerate(kinds[picture].tolist()):
            if kind == IGNORED:
                continue
            count += 1
            probability = float(objectness[picture, n].sigmoid())
            score -= float(torch.tensor(probability if kind else 1 - probability).log())
            if kind == OBJECT:
                wanted = encode(boxes[picture, owners[picture, n]], at[n])
                away = (shifts[picture, n] - wanted).abs()
                # Girshick's smooth L1 with sigma 3
                box += float(torch.where(away < 1 / 9, 4.5 * away**2, away - 1 / 18).sum())
    assert float(losses["proposal_score"]) == pytest.approx(score / count, rel=1e-4)
    assert float(losses["proposal_box"]) == pytest.approx(box / count, rel=1e-4)


def test_the_sum_of_the_four_losses_is_lowered():
    model = small_model()

    losses = model(
        torch.randn(1, 3, *SIZE_HW), torch.tensor([[[2.0, 3, 20, 17]]]), torch.tensor([[2]])
    )

    assert set(losses) == {"loss", "proposal_score", "proposal_box", "score", "box"}
    parts = sum(value for name, value in losses.items() if name != "loss")
    torch.testing.assert_close(losses["loss"], parts)


def test_no_gradient_goes_through_the_coordinates_of_the_proposals():
    model = small_model()

    proposals = model.raw(torch.randn(1, 3, *SIZE_HW))[3]

    assert not proposals.requires_grad


def test_a_name_said_by_the_second_look_is_given_for_its_proposal_moved():
    """The head is made to say class 1 for all, and to move by half of one's width."""
    model = small_model().eval()
    with torch.no_grad():
        model.head.score.weight.zero_()
        model.head.score.bias.copy_(torch.tensor([0.0, -9, 9, -9]))
        model.head.shift.weight.zero_()
        model.head.shift.bias.zero_()
        model.head.shift.bias[4] = 5  # x of class 1, in tenths of a width
        images = torch.randn(1, 3, *SIZE_HW)
        proposals, real = model.raw(images)[3:]

        boxes, scores, labels = model.decode(images)

    likely = int(real.sum())
    assert (labels[0, :likely] == 1).all()
    assert (scores[0, :likely] > 0.99).all()
    moved = proposals[0, :likely].clone()
    moved[:, ::2] += (moved[:, 2] - moved[:, 0])[:, None] / 2
    moved[:, ::2] = moved[:, ::2].clamp(max=64)
    as_said = {tuple(row) for row in boxes[0, :likely].round(decimals=2).tolist()}
    assert as_said == {tuple(row) for row in moved.round(decimals=2).tolist()}


def test_proposals_that_are_not_there_answer_nothing():
    model = small_model(proposals=400).eval()

    with torch.no_grad():
        images = torch.randn(1, 3, *SIZE_HW)
        real = model.raw(images)[4]
        _, scores, _ = model.decode(images)

    assert not real.all()
    assert (scores >= 0).all()


@pytest.mark.slow
def test_a_model_file_answers_as_the_network_for_one_picture_and_for_several(tmp_path):
    from akitsu.deploy.export import export
    from akitsu.runtime.card import ModelCard
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.tasks.network import Network
    from akitsu.tasks.task import make_task

    torch.manual_seed(0)
    model = registry.build("faster-rcnn-small", 3, in_channels=3, input_hw=SIZE_HW).eval()
    with torch.no_grad():  # answers that differ from place to place
        for layer in (model.head.score, model.head.shift, model.proposer.objectness):
            layer.weight.normal_(0, 0.5)
    normal = {"mean": [0.5] * 3, "std": [0.25] * 3}
    card = ModelCard(
        task="detection", model="faster-rcnn-small", classes=("a", "b", "c"), input_hw=SIZE_HW,
        channels=3, normalisation=normal,
    )  # fmt: skip
    network = Network(model, make_task("detection", {}), **normal).eval()
    pictures = torch.randint(0, 256, (3, *SIZE_HW, 3), dtype=torch.uint8).numpy()

    export(network, tmp_path / "model.onnx", card=card, pictures=list(pictures))

    recognizer = Recognizer(tmp_path / "model.onnx")
    for some in (pictures[:1], pictures):
        wanted, given = network.predict_inputs(some), recognizer.predict_inputs(some)
        assert abs(wanted["scores"] - given["scores"]).max() < 1e-4
        assert abs(wanted["boxes"] - given["boxes"]).max() < 1e-2
