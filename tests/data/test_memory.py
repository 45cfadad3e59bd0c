"""A set as tensors: fitted once, indexed and augmented by the batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.data import memory
from akitsu.data.augment import Augmentation, Chance
from akitsu.data.memory import Batch
from akitsu.data.sample import Sample
from akitsu.errors import DataError


@dataclass
class Listed:
    """A dataset out of a list."""

    samples: list[Sample]
    classes: list[str] = field(default_factory=lambda: ["a", "b"])

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def picture(height=20, width=40, channels=3, level=200):
    return np.full((height, width, channels), level, np.uint8)


def with_boxes(boxes, labels, difficult=None):
    return Sample(
        picture(),
        "p",
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
        difficult=None if difficult is None else np.array(difficult),
    )


def load(*samples, size_hw=(40, 40), channels=3):
    return memory.load(Listed(list(samples)), size_hw=size_hw, channels=channels, pad_value=114)


def test_pictures_of_another_shape_are_letterboxed_with_grey():
    pictures = load(Sample(picture(), "p", label=1))

    assert pictures.size_hw == (40, 40)
    assert (pictures.images[0, :, 10:30] == 200).all()
    assert (pictures.images[0, :, :10] == 114).all()
    assert pictures.labels.tolist() == [1]


def test_boxes_and_masks_are_fitted_with_their_picture():
    mask = np.zeros((20, 40), np.uint8)
    mask[5:10, 8:16] = 1

    boxed = load(with_boxes([[8, 5, 16, 10]], [1]))
    masked = load(Sample(picture(), "p", mask=mask))

    assert boxed.boxes[0].tolist() == [[8, 15, 16, 20]]
    assert (masked.masks[0, 15:20, 8:16] == 1).all()
    assert (masked.masks[0] == 1).sum() == 40
    assert (masked.masks[0, :10] == 255).all()


def test_missing_boxes_are_marked_and_difficult_ones_left_out():
    pictures = load(
        with_boxes([[0, 0, 4, 4], [1, 1, 5, 5]], [0, 1], [True, False]), with_boxes([], [])
    )

    assert pictures.labels.tolist() == [[1], [-1]]
    assert pictures.boxes[0].tolist() == [[1, 11, 5, 15]]


def test_a_grey_network_gets_grey_pictures_of_a_colour_set():
    assert load(Sample(picture(), "p", label=0), channels=1).images.shape == (1, 1, 40, 40)


def test_loading_leaves_the_samples_as_they_were():
    sample = with_boxes([[8, 5, 16, 10]], [1])

    load(sample)

    assert sample.boxes.tolist() == [[8, 5, 16, 10]]
    assert sample.image.shape == (20, 40, 3)


def test_a_set_without_pictures_is_a_sentence():
    with pytest.raises(DataError, match="no pictures; choose another split"):
        load()


def test_a_set_larger_than_the_memory_is_a_sentence():
    with pytest.raises(DataError, match=r"GiB, more than half .*; set data.in_memory to false"):
        load(Sample(picture(), "p", label=0), size_hw=(2_000_000, 2_000_000))


def test_statistics_are_those_of_the_pictures():
    images = [picture(2, 2, 1, level) for level in (0, 255)]

    mean, std = load(
        *(Sample(image, "p", label=0) for image in images), size_hw=(2, 2), channels=1
    ).channel_statistics()

    assert mean == [0.5]
    assert std == [0.5]


def test_pictures_of_one_level_have_a_deviation_to_divide_by():
    _, std = load(Sample(picture(), "p", label=0), size_hw=(20, 40)).channel_statistics()

    assert min(std) > 0


def moved(box, dx, *, size=40, **ranges):
    """One box after its picture slid by `dx` to the left, with its label."""
    batch = Batch(
        torch.zeros(1, 3, size, size, dtype=torch.uint8),
        torch.tensor([[1]]),
        torch.tensor([[box]], dtype=torch.float32),
    )
    shift = torch.eye(3)[None].clone()
    shift[0, 0, 2] = dx
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "draw_matrices", lambda *_, **__: shift)
        result = memory.augmented(
            batch,
            Augmentation(shift=0.5, **ranges),
            size_hw=(size, size),
            pad_value=0,
            chance=Chance(torch.Generator().manual_seed(0), 1),
        )
    return result.boxes[0, 0].tolist(), result.labels[0, 0].item()


def test_a_box_of_which_a_quarter_stays_is_kept():
    assert moved([10, 10, 18, 18], 16) == ([0, 10, 2, 18], 1)


def test_a_box_of_which_less_than_a_quarter_stays_is_dropped():
    assert moved([10, 10, 18, 18], 17)[1] == -1


@pytest.mark.parametrize(("dx", "label"), [(12, 1), (13, -1)])
def test_how_much_of_a_box_has_to_stay_can_be_said(dx, label):
    assert moved([10, 10, 18, 18], dx, min_visibility=0.75)[1] == label


def test_a_box_that_left_is_dropped():
    assert moved([10, 10, 18, 18], 30)[1] == -1


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_a_place_without_a_box_never_becomes_one(seed):
    batch = Batch(
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
        torch.full((2, 3), -1),
        torch.zeros(2, 3, 4),
    )

    after = memory.augmented(
        batch,
        Augmentation(scale=(0.5, 2), rotate_deg=30, shift=0.3),
        size_hw=(24, 24),
        pad_value=0,
        chance=Chance(torch.Generator().manual_seed(seed), 2),
    )

    assert (after.labels == -1).all()


def test_no_augmentation_gives_the_same_batch():
    pictures = load(with_boxes([[8, 5, 16, 10]], [1]), with_boxes([[1, 1, 9, 9]], [0]))
    batch = pictures.batch(torch.tensor([1, 0]))

    after = memory.augmented(
        batch,
        Augmentation(),
        size_hw=pictures.size_hw,
        pad_value=114,
        chance=Chance(torch.Generator().manual_seed(0), 2),
    )

    torch.testing.assert_close(after.images, batch.images.float(), atol=0.05, rtol=0)
    torch.testing.assert_close(after.boxes, batch.boxes, atol=1e-3, rtol=0)
    assert after.labels.tolist() == [[0], [1]]


def test_a_set_that_is_one_array_is_taken_as_it_is():
    dataset = Listed([Sample(picture(8, 8, 1), str(index), label=index) for index in range(2)])
    dataset.images = np.arange(128, dtype=np.uint8).reshape(2, 8, 8, 1)
    dataset.labels = np.array([1, 0])

    pictures = memory.load(dataset, size_hw=(8, 8), channels=1, pad_value=0)

    assert (pictures.images.permute(0, 2, 3, 1).numpy() == dataset.images).all()
    assert pictures.labels.tolist() == [1, 0]


def test_a_batch_moves_with_all_that_it_holds():
    """The meta device stands for an accelerator; what is missing stays missing."""
    batch = Batch(torch.zeros(2, 3, 4, 4), labels=torch.zeros(2, 1), boxes=torch.zeros(2, 1, 4))

    moved = batch.to("meta")

    assert moved.images.is_meta
    assert moved.labels is not None
    assert moved.labels.is_meta
    assert moved.boxes is not None
    assert moved.boxes.is_meta
    assert moved.masks is None


def test_the_parts_of_a_batch_look_as_they_do_in_the_whole_of_it():
    """Two processes that share a batch show the network what one would have shown it."""
    batch = Batch(torch.randint(256, (6, 3, 16, 16), dtype=torch.uint8), torch.arange(6))
    everything = Augmentation(
        flip=0.5,
        flip_vertical=0.5,
        quarter_turns=True,
        scale=(0.5, 2),
        aspect=0.2,
        rotate_deg=30,
        shear=0.2,
        shift=0.3,
        elastic_px=1.0,
        brightness=0.2,
        contrast=0.2,
        colour=0.2,
        erase=0.5,
    )

    def seen(rows):
        part = Batch(batch.images[rows], batch.labels[rows])
        chance = Chance(torch.Generator().manual_seed(3), 6, rows)
        return memory.augmented(part, everything, size_hw=(12, 12), pad_value=0, chance=chance)

    parts = [seen(slice(0, 2)).images, seen(slice(2, 6)).images]

    assert torch.equal(torch.cat(parts), seen(slice(0, 6)).images)


def test_without_augmentation_the_pictures_are_as_they_were():
    images = torch.randint(256, (2, 1, 5, 7), dtype=torch.uint8)
    masks = torch.randint(256, (2, 5, 7), dtype=torch.uint8)
    chance = Chance(torch.Generator().manual_seed(0), 2)

    result = memory.augmented(
        Batch(images, masks=masks), Augmentation(), size_hw=(5, 7), pad_value=9.0, chance=chance
    )

    assert result.images.dtype == torch.float32
    assert result.masks.dtype == torch.int64
    assert torch.equal(result.images, images.float())
    assert torch.equal(result.masks, masks.long())


@pytest.mark.parametrize("side", [20, 60])
def test_a_batch_shown_at_another_size_is_the_whole_picture_with_its_boxes(side):
    """Black and white halves: the edge lies in the middle at every size."""
    image = picture(40, 40, level=0)
    image[:, 20:] = 255
    pictures = load(
        Sample(image, "p", boxes=np.array([[20, 4, 40, 36]], np.float32), labels=np.array([1]))
    )

    batch = memory.augmented(
        pictures.batch(torch.tensor([0])), Augmentation(), size_hw=(40, 40), pad_value=114,
        chance=Chance(torch.Generator(), 1), shown_hw=(side, side),
    )  # fmt: skip

    assert batch.images.shape == (1, 3, side, side)
    inner = batch.images[..., 1:-1, 1:-1]  # the outermost pixels mix with the grey around
    assert (inner[..., : side // 2 - 2].abs() < 0.01).all()
    assert ((inner[..., side // 2 :] - 255).abs() < 0.01).all()
    assert batch.boxes[0, 0].tolist() == pytest.approx([side / 2, side / 10, side, side * 0.9])
    assert batch.labels.tolist() == [[1]]


def test_a_batch_shown_at_another_size_has_the_chance_of_its_own():
    pictures, moves = (
        load(with_boxes([[4, 4, 12, 12]], [0])),
        Augmentation(shift=0.2, scale=(0.9, 1.2)),
    )

    own, shown = (
        memory.augmented(
            pictures.batch(torch.tensor([0])),
            moves,
            size_hw=(40, 40),
            pad_value=114,
            chance=Chance(torch.Generator().manual_seed(3), 1),
            shown_hw=shown_hw,
        )
        for shown_hw in (None, (80, 120))
    )

    ratio = torch.tensor([3, 2, 3, 2])
    torch.testing.assert_close(shown.boxes, own.boxes * ratio)
