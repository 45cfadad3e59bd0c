"""Pictures, masks and boxes move together, and as the matrix says."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.data.augment import (
    Augmentation,
    Chance,
    draw_matrices,
    jitter_colours,
    sampling_grid,
    warp_boxes,
    warp_images,
    warp_masks,
)

HW = (40, 56)
quick = settings(max_examples=50, deadline=None)


@st.composite
def boxes_inside(draw, size_hw=HW):
    """One box XYXY with whole edges and an area, inside the picture."""
    height, width = size_hw
    x = sorted(draw(st.lists(st.integers(0, width), min_size=2, max_size=2, unique=True)))
    y = sorted(draw(st.lists(st.integers(0, height), min_size=2, max_size=2, unique=True)))
    return torch.tensor([[[x[0], y[0], x[1], y[1]]]], dtype=torch.float32)


def clipped(x0, y0, x1, y1, size_hw=HW):
    height, width = size_hw
    sides = [min(max(x0, 0), width), min(max(y0, 0), height)]
    sides += [min(max(x1, 0), width), min(max(y1, 0), height)]
    return torch.tensor([[sides]], dtype=torch.float32)


def matrix(rows):
    return torch.tensor([rows], dtype=torch.float32)


def drawn(augmentation, *, seed, batch=1, from_hw=HW, to_hw=HW):
    return draw_matrices(augmentation, chance(seed, batch), from_hw=from_hw, to_hw=to_hw)


def chance(seed, batch, rows=slice(None)):
    return Chance(torch.Generator().manual_seed(seed), batch, rows)


@quick
@given(boxes_inside(), st.integers(-60, 60), st.integers(-60, 60))
def test_a_shifted_picture_shifts_its_boxes_the_other_way(box, dx, dy):
    """The matrix leads from output to input, so that looking right moves things left."""
    x0, y0, x1, y1 = box.flatten().tolist()

    moved = warp_boxes(box, matrix([[1, 0, dx], [0, 1, dy], [0, 0, 1]]), size_hw=HW)

    torch.testing.assert_close(moved, clipped(x0 - dx, y0 - dy, x1 - dx, y1 - dy))


@quick
@given(boxes_inside())
def test_a_mirror_image_swaps_left_and_right(box):
    x0, y0, x1, y1 = box.flatten().tolist()

    moved = warp_boxes(box, drawn(Augmentation(flip=1), seed=0), size_hw=HW)

    wanted = torch.tensor([[[HW[1] - x1, y0, HW[1] - x0, y1]]])
    torch.testing.assert_close(moved, wanted, atol=1e-3, rtol=0)


@quick
@given(boxes_inside(), st.floats(0.5, 2))
def test_an_enlarged_picture_enlarges_boxes_about_its_centre(box, zoom):
    height, width = HW
    x0, y0, x1, y1 = box.flatten().tolist()

    moved = warp_boxes(box, drawn(Augmentation(scale=(zoom, zoom)), seed=0), size_hw=HW)

    def x(value):
        return (value - width / 2) * zoom + width / 2

    def y(value):
        return (value - height / 2) * zoom + height / 2

    torch.testing.assert_close(moved, clipped(x(x0), y(y0), x(x1), y(y1)), atol=1e-2, rtol=0)


STRONG = Augmentation(
    flip=0.5,
    flip_vertical=0.5,
    scale=(0.7, 1.4),
    aspect=0.2,
    rotate_deg=25,
    shear=0.2,
    shift=0.15,
)


@quick
@given(boxes_inside(), st.integers(0, 10_000))
def test_a_box_drawn_into_a_picture_stays_around_its_pixels(box, seed):
    """Whatever is bright after the warp lies in the warped box, to within a pixel's blur."""
    x0, y0, x1, y1 = (int(side) for side in box.flatten())
    image = torch.zeros(1, 1, *HW)
    image[..., y0:y1, x0:x1] = 200
    matrices = drawn(STRONG, seed=seed)

    warped = warp_images(image, sampling_grid(matrices, from_hw=HW, to_hw=HW), pad_value=0)[0, 0]
    left, top, right, bottom = warp_boxes(box, matrices, size_hw=HW).flatten().tolist()

    rows, columns = (warped > 110).nonzero(as_tuple=True)
    if len(rows):
        assert columns.min() + 0.5 >= left - 1
        assert columns.max() + 0.5 <= right + 1
        assert rows.min() + 0.5 >= top - 1
        assert rows.max() + 0.5 <= bottom + 1


@quick
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.5]))
def test_masks_and_pictures_move_together(seed, elastic_px):
    """A picture that shows its mask shows it still, away from the blurred border."""
    mask = torch.zeros(1, *HW, dtype=torch.uint8)
    mask[:, 8:30, 10:40] = 1
    draws = chance(seed, 1)
    matrices = draw_matrices(STRONG, draws, from_hw=HW, to_hw=HW)
    grid = sampling_grid(matrices, from_hw=HW, to_hw=HW, elastic_px=elastic_px, chance=draws)

    image = warp_images(mask[:, None] * 200, grid, pad_value=0)[0, 0]
    moved = warp_masks(mask, grid)[0]

    assert (moved[image > 199] == 1).all()
    assert (moved[image < 1] != 1).all()


def test_no_augmentation_leaves_every_pixel():
    images = torch.randint(256, (2, 3, *HW), dtype=torch.uint8)
    masks = torch.randint(5, (2, *HW), dtype=torch.uint8)
    matrices = drawn(Augmentation(), seed=0, batch=2)

    grid = sampling_grid(matrices, from_hw=HW, to_hw=HW)

    warped = warp_images(images, grid, pad_value=114)
    torch.testing.assert_close(warped, images.float(), atol=0.05, rtol=0)
    assert (warp_masks(masks, grid) == masks).all()
    assert jitter_colours(warped, Augmentation(), chance(0, 2)) is warped


def test_outside_the_picture_lies_grey_and_ignore():
    images, masks = torch.zeros(1, 3, *HW), torch.zeros(1, *HW, dtype=torch.uint8)
    grid = sampling_grid(matrix([[1, 0, 100], [0, 1, 0], [0, 0, 1]]), from_hw=HW, to_hw=HW)

    assert (warp_images(images, grid, pad_value=114) == 114).all()
    assert (warp_masks(masks, grid) == 255).all()


def test_a_quarter_turn_moves_a_corner_to_the_next():
    """Of a square, four turns are as likely; each keeps the square's corners in its corners."""
    square = (32, 32)
    matrices = drawn(
        Augmentation(quarter_turns=True), seed=0, batch=64, from_hw=square, to_hw=square
    )
    boxes = torch.tensor([[[0.0, 0, 8, 8]]]).expand(64, 1, 4)

    moved = warp_boxes(boxes, matrices, size_hw=square).round()

    corners = {tuple(box) for box in moved[:, 0].int().tolist()}
    assert corners == {(0, 0, 8, 8), (24, 0, 32, 8), (0, 24, 8, 32), (24, 24, 32, 32)}


@quick
@given(st.integers(0, 10_000))
def test_a_crop_without_zoom_lies_inside_the_picture(seed):
    matrices = drawn(Augmentation(), seed=seed, to_hw=(16, 24))

    x, y = matrices[0, :2, 2].tolist()

    assert -1e-4 <= x <= HW[1] - 24 + 1e-4
    assert -1e-4 <= y <= HW[0] - 16 + 1e-4


@quick
@given(st.integers(0, 10_000))
def test_a_turn_without_shear_keeps_areas(seed):
    matrices = drawn(Augmentation(rotate_deg=180, flip=0.5), seed=seed)

    assert torch.linalg.det(matrices[0, :2, :2]).abs().item() == pytest.approx(1, abs=1e-5)


def test_colours_change_within_their_ranges():
    images = torch.full((200, 3, 4, 4), 100.0)

    level = jitter_colours(images, Augmentation(brightness=0.1), chance(0, 200))[:, 0, 0, 0]

    assert (level - 100).abs().max() <= 25.5
    assert (level - 100).abs().max() > 20
    assert math.isclose(level.mean().item(), 100, abs_tol=3)


def test_erasing_greys_a_part_and_never_a_whole_picture():
    images = torch.zeros(50, 3, *HW)

    erased = jitter_colours(images, Augmentation(erase=1.0), chance(0, 50))

    share = (erased == 127.5).float().mean((1, 2, 3))
    assert (share > 0).all()
    assert (share < 0.2).all()
    assert (images == 0).all()


def test_one_seed_draws_one_augmentation():
    torch.testing.assert_close(drawn(STRONG, seed=7), drawn(STRONG, seed=7), rtol=0, atol=0)
    assert not torch.equal(drawn(STRONG, seed=7), drawn(STRONG, seed=8))
