"""The losses of a map of scores, against answers that follow on paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.errors import RecipeError
from akitsu.tasks.segmentation import Segmentation, logarithmic_weights, soft_jaccard_loss


class Said(nn.Module):
    """A network that answers what it was given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, images):
        return self.logits


def sure(masks, classes=2):
    """Logits so far apart that softmax gives 0 and 1."""
    return F.one_hot(masks, classes).permute(0, 3, 1, 2) * 200.0 - 100


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
    by_hand = torch.tensor([1 / math.log(1.02 + p) for p in (0.75, 0.25, 0.0)])

    weights = logarithmic_weights(masks, 3)

    torch.testing.assert_close(weights, by_hand / by_hand.mean())


@pytest.mark.parametrize("class_weights", ["log", "none"])
def test_weights_are_counted_only_where_they_are_asked_for(class_weights):
    pictures = PicturesInMemory(
        ["a", "b"], torch.zeros(1, 3, 2, 2), [], [], masks=torch.zeros(1, 2, 2, dtype=torch.uint8)
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
