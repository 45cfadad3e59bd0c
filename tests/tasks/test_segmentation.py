"""The losses of a map of scores, against answers that follow on paper."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.errors import RecipeError
from akitsu.tasks.segmentation import Segmentation, logarithmic_weights, masks_at, soft_jaccard_loss

from .said import Said


def sure(masks, classes=2):
    """Probability 1 of the class that a mask says."""
    return F.one_hot(masks, classes).permute(0, 3, 1, 2).float()


def square(left):
    mask = torch.zeros(1, 20, 20, dtype=torch.long)
    mask[:, 5:15, left : left + 10] = 1
    return mask


def test_a_perfect_answer_has_no_overlap_loss():
    assert soft_jaccard_loss(sure(square(2)), square(2)).item() == pytest.approx(0, abs=1e-6)


def test_a_square_moved_by_half_its_width_loses_what_the_overlap_says():
    """Square: 50 shared of 150 covered. Floor: 250 shared of 350 covered."""
    loss = soft_jaccard_loss(sure(square(7)), square(2))

    assert loss.item() == pytest.approx(1 - (50 / 150 + 250 / 350) / 2, abs=1e-6)


def test_the_overlap_of_a_lone_class_is_its_iou():
    """Outside the square nothing is known, so only the square's class is present."""
    truth = torch.where(square(2) == 1, 1, 255)

    loss = soft_jaccard_loss(sure(square(7)), truth)

    assert loss.item() == pytest.approx(1 - 50 / 100, abs=1e-6)


def test_the_overlap_is_that_of_products_with_one_hot_masks():
    """Equation 3 as it is written, with a third of the pixels ignored and one class absent."""
    torch.manual_seed(0)
    masks, probabilities = torch.randint(4, (2, 9, 7)), torch.randn(2, 5, 9, 7).softmax(1)
    masks[torch.rand(masks.shape) < 1 / 3] = 255
    known = (masks != 255)[:, None]
    truth = F.one_hot(masks.clamp(max=4), 5).permute(0, 3, 1, 2) * known
    shared = (probabilities * truth).sum((0, 2, 3))
    covered = (probabilities * known + truth - probabilities * truth).sum((0, 2, 3))

    loss = soft_jaccard_loss(probabilities, masks)

    torch.testing.assert_close(loss, 1 - (shared / covered)[:4].mean())


@given(
    full=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    stride=st.sampled_from([2, 4]),
    seed=st.integers(0, 99),
)
def test_a_smaller_map_meets_one_pixel_of_each_position(full, stride, seed):
    """Each pixel of the mask holds its own place, so what was taken says where it was taken."""
    torch.manual_seed(seed)
    small = tuple(-(-side // stride) for side in full)
    places = torch.arange(full[0] * full[1]).reshape(1, *full)

    taken = masks_at(places, small)[0]

    rows, columns = taken // full[1], taken % full[1]
    for axis, found in enumerate((rows, columns)):
        edges = torch.arange(small[axis] + 1) * full[axis] / small[axis]
        shape = (-1, 1) if axis == 0 else (1, -1)
        assert (found + 1 > edges[:-1].reshape(shape)).all()
        assert (found < edges[1:].reshape(shape)).all()


def test_the_greatest_chance_stays_inside_the_mask(monkeypatch):
    """The last number below 1, added to 159 in single precision, is 160."""
    monkeypatch.setattr(torch, "rand", lambda shape: torch.full(shape, 1 - 2**-24))
    places = torch.arange(320 * 320).reshape(1, 320, 320)

    assert masks_at(places, (160, 160))[0, -1, -1] == 320 * 320 - 1


def test_no_pixel_of_a_position_is_preferred():
    torch.manual_seed(0)
    places = torch.arange(16).reshape(1, 4, 4)

    first = torch.tensor([masks_at(places, (2, 2))[0, 0, 0].item() for _ in range(4000)])

    counts = torch.bincount(first, minlength=16)[[0, 1, 4, 5]]
    assert counts.sum() == len(first)
    assert (counts / len(first) - 0.25).abs().max() < 0.03  # 4.4 standard deviations


def test_logits_of_half_the_size_meet_their_part_of_the_mask():
    """Two columns of 4 x 4 pixels, on each side of a border that lies between positions."""
    masks = torch.zeros(1, 8, 8, dtype=torch.long)
    masks[:, :, 4:] = 1
    logits = sure(masks[:, ::2, ::2]) * 50
    images = torch.zeros(1, 3, 8, 8)

    values = Segmentation(class_weights="none").loss(
        Said(logits), images, Batch(images, masks=masks)
    )

    assert values["accuracy"].item() == 1
    assert values["loss"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("class_weights", ["log", "none"])
def test_ignored_pixels_do_not_count(class_weights):
    torch.manual_seed(0)
    masks, logits = torch.randint(3, (2, 6, 8)), torch.randn(2, 3, 6, 8)
    masks[:, :3] = 255
    other = logits.clone()
    other[:, :, :3] = torch.randn(2, 3, 3, 8) * 50
    task, images = Segmentation(class_weights=class_weights), torch.zeros(2, 3, 6, 8)

    one, two = (
        task.loss(Said(each), images, Batch(images, masks=masks)) for each in (logits, other)
    )

    for key in ("loss", "cross_entropy", "jaccard", "accuracy"):
        torch.testing.assert_close(one[key], two[key])


def test_a_batch_that_is_all_ignored_has_a_finite_loss():
    images, masks = torch.zeros(1, 3, 4, 4), torch.full((1, 4, 4), 255)

    values = Segmentation().loss(Said(torch.randn(1, 2, 4, 4)), images, Batch(images, masks=masks))

    assert all(value.isfinite() for value in values.values())


def test_the_loss_is_cross_entropy_and_a_share_of_the_overlap():
    images = torch.zeros(1, 3, 20, 20)
    batch = Batch(images, masks=square(2))

    values = Segmentation(overlap=0.3).loss(Said(torch.zeros(1, 2, 20, 20)), images, batch)

    assert values["cross_entropy"].item() == pytest.approx(math.log(2))
    assert values["loss"].item() == pytest.approx(math.log(2) + 0.3 * values["jaccard"].item())


def test_rare_classes_weigh_by_the_logarithm():
    """9 of 12 known pixels are class 0, 3 are class 1, none is class 2."""
    masks = torch.tensor([[[0] * 9 + [1] * 3 + [255] * 4]], dtype=torch.uint8)
    by_hand = torch.tensor([1 / math.log(1.05 + p) for p in (0.75, 0.25, 0.0)])

    weights = logarithmic_weights(masks, 3)

    torch.testing.assert_close(weights, by_hand / by_hand.mean())


@pytest.mark.parametrize("class_weights", ["log", "none"])
def test_weights_are_counted_only_where_they_are_asked_for(class_weights):
    pictures = PicturesInMemory(
        ["a", "b"], torch.zeros(1, 3, 2, 2), masks=torch.zeros(1, 2, 2, dtype=torch.uint8)
    )
    task = Segmentation(class_weights=class_weights)

    task.prepare(pictures)

    assert (task.weights is not None) == (class_weights == "log")


def test_another_way_to_weight_is_a_sentence():
    with pytest.raises(RecipeError) as caught:
        Segmentation(class_weights="square")

    assert str(caught.value) == (
        "loss.class_weights: 'square' is no way to weight classes; write log or none."
    )


def test_decoding_gives_class_indices_as_bytes():
    (masks,) = Segmentation().decode(Said(sure(square(4))), torch.zeros(1, 3, 20, 20))

    assert masks.dtype == torch.uint8
    assert (masks == square(4)).all()
