"""SSD's default boxes, matching, mining and loss, against loops and torchvision's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection import ssd300_vgg16
from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
from torchvision.models.detection.image_list import ImageList

from akitsu.errors import RecipeError
from akitsu.models import registry
from akitsu.models.detection import ssd
from akitsu.models.detection.boxes import box_iou, encode
from akitsu.models.detection.ssd import default_boxes, match, mine, shapes, ssd300

MAPS = (38, 19, 10, 5, 3, 1)
FIRST = [[-6.5, -6.5, 14.5, 14.5], [-11.3704, -11.3704, 19.3704, 19.3704]]


def boxes_of_ssd300(sizes):
    shares = [size / 300 for size in sizes]
    kinds = [
        shapes(*pair, ratios)
        for pair, ratios in zip(itertools.pairwise(shares), ssd.RATIOS, strict=True)
    ]
    maps_hw = [(side, side) for side in MAPS]
    return default_boxes(maps_hw, kinds, image_hw=(300, 300), steps=ssd.STEPS)


@st.composite
def crowds(draw):
    """Default boxes and objects among them, often two of one place, and labels with gaps."""
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    corners = generator.integers(0, 20, (2, draw(st.integers(0, 5)), 2))
    truths = np.concatenate([corners, corners + generator.integers(2, 12, corners.shape)], -1)
    at = generator.integers(0, 20, (draw(st.integers(1, 12)), 2))
    defaults = np.concatenate([at, at + generator.integers(2, 12, at.shape)], -1)
    labels = generator.integers(-1, 3, truths.shape[:2])
    return tuple(
        torch.from_numpy(each).to(kind)
        for each, kind in (
            (truths, torch.float32),
            (labels, torch.int64),
            (defaults, torch.float32),
        )
    )


def matched_by_loops(boxes, labels, defaults):
    """Of one picture: each default box's class, 0 for background, and its object."""
    real = [t for t in range(len(labels)) if labels[t] >= 0]
    overlap = {
        (t, n): float(box_iou(boxes[t : t + 1], defaults[n : n + 1]))
        for t in real
        for n in range(len(defaults))
    }
    owner = {}
    free = dict(overlap)
    while free:
        t, n = max(free, key=free.get)  # the first of equals
        owner[n] = t
        free = {pair: value for pair, value in free.items() if pair[0] != t and pair[1] != n}
    for n in range(len(defaults)):
        if n in owner or not real:
            continue
        best = max(real, key=lambda t: overlap[t, n])
        if overlap[best, n] > 0.5:
            owner[n] = best
    return [int(labels[owner[n]]) + 1 if n in owner else 0 for n in range(len(defaults))], owner


def test_ssd300_has_8732_default_boxes_of_which_the_first_are_the_known_ones():
    boxes = boxes_of_ssd300(ssd.COCO_SIZES)

    assert boxes.shape == (8732, 4)
    torch.testing.assert_close(boxes[:2], torch.tensor(FIRST), atol=1e-4, rtol=0)


def test_ssd300_s_default_boxes_are_those_of_torchvision():
    theirs = DefaultBoxGenerator(
        [list(ratios) for ratios in ssd.RATIOS],
        scales=[size / 300 for size in ssd.COCO_SIZES],
        steps=list(ssd.STEPS),
    )
    maps = [torch.zeros(1, 1, side, side) for side in MAPS]
    (wanted,) = theirs(ImageList(torch.zeros(1, 3, 300, 300), [(300, 300)]), maps)

    torch.testing.assert_close(boxes_of_ssd300(ssd.COCO_SIZES), wanted, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("classes", "parameters"), [(20, 26_285_486), (90, 35_641_826)])
def test_ssd300_has_the_parameters_of_its_published_variants(classes, parameters):
    with torch.device("meta"):
        model = ssd300(classes)

    assert sum(each.numel() for each in model.parameters()) == parameters


@pytest.mark.slow
def test_ssd300_with_torchvision_s_weights_answers_as_torchvision_s():
    torch.manual_seed(0)
    theirs = ssd300_vgg16(weights=None, weights_backbone=None, num_classes=4).eval()
    ours = ssd300(3, sizes=ssd.COCO_SIZES).eval()
    by_shape = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    images = torch.randn(1, 3, 300, 300)

    ours.load_state_dict(dict(by_shape))
    with torch.inference_mode():
        logits, shifts, _ = ours.raw(images)
        wanted = theirs.head(list(theirs.backbone(images).values()))

    torch.testing.assert_close(logits, wanted["cls_logits"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(shifts, wanted["bbox_regression"], atol=1e-4, rtol=1e-4)


@settings(deadline=None)
@given(crowds())
def test_matching_is_that_of_the_double_loop(crowd):
    boxes, labels, defaults = crowd

    classes, owners = match(boxes, labels, defaults)

    for picture in range(2):
        wanted, owner = matched_by_loops(boxes[picture], labels[picture], defaults)
        assert classes[picture].tolist() == wanted
        for n, t in owner.items():
            assert int(owners[picture, n]) == t


def test_two_objects_with_the_same_best_default_box_both_learn():
    """Ports that overwrite the first with the second lose it."""
    defaults = torch.tensor([[0.0, 0, 10, 10], [30, 30, 60, 60]])
    boxes = torch.tensor([[[0.0, 0, 10, 9], [0, 0, 10, 8]]])

    classes, owners = match(boxes, torch.tensor([[0, 1]]), defaults)

    assert classes.tolist() == [[1, 2]]
    assert owners.tolist() == [[0, 1]]


def test_an_object_that_no_default_box_fits_still_has_one():
    defaults = torch.tensor([[0.0, 0, 64, 64], [0, 0, 60, 60]])

    classes, _ = match(torch.tensor([[[3.0, 3, 5, 5]]]), torch.tensor([[2]]), defaults)

    assert classes.tolist() == [[0, 3]]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_mining_picks_three_for_each_matched_box_none_matched_and_none_easier(seed, matched):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(2, 12, generator=generator)
    classes = torch.zeros(2, 12, dtype=torch.int64)
    classes[0, torch.randperm(12, generator=generator)[:matched]] = 1

    chosen = mine(losses, classes)

    assert int(chosen[0].sum()) == min(3 * matched, 12 - matched)
    assert not chosen[1].any()
    assert not (chosen & (classes > 0)).any()
    left = ~chosen[0] & (classes[0] == 0)
    if chosen[0].any() and left.any():
        assert losses[0][chosen[0]].min() >= losses[0][left].max()


def test_the_losses_are_those_written_out_box_by_box():
    torch.manual_seed(0)
    model = registry.build("ssd-small", 3, in_channels=3, input_hw=(48, 48))
    boxes = torch.tensor([[[2.0, 3, 20, 17], [25, 20, 46, 47]], [[10, 10, 16, 15], [0, 0, 0, 0]]])
    labels = torch.tensor([[2, 0], [1, -1]])
    logits, shifts, defaults = model.raw(torch.randn(2, 3, 48, 48))

    losses = model.losses((logits, shifts, defaults), boxes, labels)

    logits, shifts = logits.detach(), shifts.detach()
    matched, score, box = 0, 0.0, 0.0
    for picture in range(2):
        classes, owner = matched_by_loops(boxes[picture], labels[picture], defaults)
        surprise = [-float(logits[picture, n].log_softmax(0)[k]) for n, k in enumerate(classes)]
        wrong = sorted((surprise[n] for n, k in enumerate(classes) if k == 0), reverse=True)
        score += sum(surprise[n] for n in owner) + sum(wrong[: 3 * len(owner)])
        for n, t in owner.items():
            wanted = encode(boxes[picture, t], defaults[n]) / torch.tensor([0.1, 0.1, 0.2, 0.2])
            away = (shifts[picture, n] - wanted).abs()
            box += float(torch.where(away < 1, away**2 / 2, away - 0.5).sum())
        matched += len(owner)
    assert float(losses["score"].detach()) == pytest.approx(score / matched, rel=1e-4)
    assert float(losses["box"].detach()) == pytest.approx(box / matched, rel=1e-4)
    assert float(losses["loss"].detach()) == pytest.approx((score + box) / matched, rel=1e-4)


def test_a_box_said_by_its_code_is_decoded_at_its_place():
    model = registry.build("ssd-small", 3, in_channels=3, input_hw=(48, 48)).eval()
    box = torch.tensor([20.0, 20, 32, 36])
    _, _, defaults = model.raw(torch.zeros(1, 3, 48, 48))
    n = int(box_iou(box[None], defaults).argmax())
    logits = torch.zeros(1, len(defaults), 4)
    logits[..., 0], logits[0, n] = 9, torch.tensor([0.0, 0, 9, 0])
    shifts = torch.zeros(1, len(defaults), 4)
    shifts[0, n] = encode(box, defaults[n]) / torch.tensor([0.1, 0.1, 0.2, 0.2])
    model.raw = lambda images: (logits, shifts, defaults)

    boxes, scores, labels = model.decode(torch.zeros(1, 3, 48, 48))

    torch.testing.assert_close(boxes[0, 0], box, atol=1e-3, rtol=0)
    assert scores[0, 0] > 0.99
    assert labels[0, 0] == 1


def test_a_misspelt_way_to_choose_negatives_is_refused():
    with pytest.raises(RecipeError, match=r"model\.negatives: there are no negatives 'hardest'"):
        registry.build(
            "ssd-small", 3, in_channels=3, input_hw=(64, 64), options={"negatives": "hardest"}
        )
