from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import ShapeError
from akitsu.runtime.letterbox import (
    FITS,
    fit_boxes,
    fit_mask,
    letterbox,
    plan,
    unfit_boxes,
    unfit_mask,
)

sides = st.integers(1, 200)
sizes_hw = st.tuples(sides, sides)
few = settings(max_examples=50, deadline=None)


@few
@given(sizes_hw, sizes_hw)
def test_the_scaled_frame_lies_inside_the_input_and_touches_two_borders(frame_hw, input_hw):
    fit = plan(frame_hw, input_hw)

    free_y, free_x = input_hw[0] - fit.inner_hw[0], input_hw[1] - fit.inner_hw[1]
    assert min(free_x, free_y) == 0
    assert fit.pad_xy == (free_x // 2, free_y // 2)


@few
@given(sizes_hw, sizes_hw)
def test_the_aspect_is_kept_to_the_nearest_pixel(frame_hw, input_hw):
    fit = plan(frame_hw, input_hw)

    scale = min(input_hw[0] / frame_hw[0], input_hw[1] / frame_hw[1])
    for inner, side in zip(fit.inner_hw, frame_hw, strict=True):
        assert abs(inner - max(1, side * scale)) <= 0.5 + 1e-9


@few
@given(sizes_hw, sizes_hw, st.sampled_from([1.0, 0.875, 0.5]))
def test_stretched_the_frame_fills_the_input_and_its_centre_stays_there(frame_hw, input_hw, crop):
    fit = plan(frame_hw, input_hw, fit="stretch", crop=crop)

    (height, width), (rows, columns) = frame_hw, input_hw
    assert fit.inner_hw == (round(rows / crop), round(columns / crop))
    centre = fit_boxes([[width / 2, height / 2] * 2], fit)[0, :2]
    np.testing.assert_allclose(centre, (columns / 2, rows / 2), atol=0.5)


fits = st.tuples(st.sampled_from(FITS), st.floats(0.25, 1))


@few
@given(sizes_hw, sizes_hw, fits, st.data())
def test_unfitting_undoes_fitting_boxes(frame_hw, input_hw, how, data):
    height, width = frame_hw
    xs = sorted(data.draw(st.lists(st.floats(0, width), min_size=2, max_size=2)))
    ys = sorted(data.draw(st.lists(st.floats(0, height), min_size=2, max_size=2)))
    box = np.array([[xs[0], ys[0], xs[1], ys[1]]])
    fit = plan(frame_hw, input_hw, fit=how[0], crop=how[1])

    restored = unfit_boxes(fit_boxes(box, fit), fit)

    # float32 carries 24 bits; a strong shrink divides by a small scale on the way back.
    np.testing.assert_allclose(restored, box, atol=1e-4 / min(fit.scale_xy))


@few
@given(sizes_hw, st.integers(1, 3), st.integers(0, 20), st.integers(0, 20))
def test_unfitting_an_enlarged_mask_gives_it_back_exactly(frame_hw, factor, more_y, more_x):
    """By a whole number every pixel becomes a block, and a block's centre is that pixel."""
    mask = np.random.default_rng(7).integers(0, 5, frame_hw).astype(np.uint8)
    height, width = frame_hw
    # One side fits exactly, so that the scale is the whole number.
    input_hw = (height * factor, width * factor + more_x + more_y)
    fit = plan(frame_hw, input_hw)

    restored = unfit_mask(fit_mask(mask, fit), fit)

    np.testing.assert_array_equal(restored, mask)


@few
@given(sizes_hw, st.integers(1, 3), st.integers(1, 3))
def test_unfitting_a_stretched_mask_gives_it_back_exactly(frame_hw, factor_y, factor_x):
    mask = np.random.default_rng(7).integers(0, 5, frame_hw).astype(np.uint8)
    fit = plan(frame_hw, (frame_hw[0] * factor_y, frame_hw[1] * factor_x), fit="stretch")

    restored = unfit_mask(fit_mask(mask, fit), fit)

    np.testing.assert_array_equal(restored, mask)


@few
@given(sizes_hw, sizes_hw, fits)
def test_whatever_the_fit_the_input_is_full_of_frame_and_border(frame_hw, input_hw, how):
    image = np.full((*frame_hw, 3), 200, np.uint8)

    fitted, fit = letterbox(image, input_hw, pad_value=9, fit=how[0], crop=how[1])

    assert fitted.shape == (*input_hw, 3)
    covered = [min(inner, side) for inner, side in zip(fit.inner_hw, input_hw, strict=True)]
    assert (fitted == 200).all(axis=2).sum() == covered[0] * covered[1]
    assert set(np.unique(fitted)) <= {9, 200}


def test_a_crop_shows_the_centre_by_hand():
    """Of 8 x 8 pixels the middle half, at their own size: 2 are cut on each side."""
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)

    middle, fit = letterbox(image, (4, 4), fit="stretch", crop=0.5)

    np.testing.assert_array_equal(middle, image[2:6, 2:6])
    assert fit.pad_xy == (-2, -2)


def test_stretching_halves_one_side_and_keeps_the_other():
    """Pillow's triangle reaches two columns far: (.75 * 10 + .75 * 30 + .25 * 50) / 1.75 = 24.3."""
    columns = np.repeat(np.array([[10, 30, 50, 70]], np.uint8), 3, axis=0)[:, :, None]

    narrow, fit = letterbox(columns, (3, 2), fit="stretch")

    np.testing.assert_array_equal(narrow[:, :, 0], [[24, 56]] * 3)
    assert fit.scale_xy == (0.5, 1.0)


def test_a_quick_stretch_lies_between_neighbours():
    """Column 0 of 2 has its middle at 1.0: halfway between the middles of columns 0 and 1."""
    columns = np.repeat(np.array([[10, 30, 50, 70]], np.uint8), 3, axis=0)[:, :, None]

    narrow, fit = letterbox(columns, (3, 2), fit="quick-stretch")

    np.testing.assert_array_equal(narrow[:, :, 0], [[20, 60]] * 3)
    assert fit.scale_xy == (0.5, 1.0)


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8])
def test_a_quick_stretch_overlooks_no_line_however_much_it_shrinks(factor):
    """A white column in black, wherever it is, leaves some of its light: none falls between."""
    sums = []
    for at in range(8 * factor, 16 * factor):
        image = np.zeros((24 * factor, 24 * factor, 1), np.uint8)
        image[:, at] = 240
        sums.append(letterbox(image, (24, 24), fit="quick-stretch")[0].astype(float).sum())

    assert min(sums) > 240 * 24 / factor / 4


def test_a_mask_has_no_way_through_a_crop():
    fit = plan((8, 8), (4, 4), fit="stretch", crop=0.5)

    with pytest.raises(ShapeError, match="fit masks with crop=1"):
        fit_mask(np.zeros((8, 8), np.uint8), fit)
    with pytest.raises(ShapeError, match="shows a part of a frame"):
        unfit_mask(np.zeros((4, 4), np.uint8), fit)


@few
@given(sizes_hw, sizes_hw, st.sampled_from([1, 3]))
def test_one_colour_stays_that_colour_and_the_border_is_grey(frame_hw, input_hw, channels):
    image = np.full((*frame_hw, channels), 200, np.uint8)

    padded, fit = letterbox(image, input_hw, pad_value=9)

    (left, top), (height, width) = fit.pad_xy, fit.inner_hw
    expected = np.full((*input_hw, channels), 9, np.uint8)
    expected[top : top + height, left : left + width] = 200
    np.testing.assert_array_equal(padded, expected)


def test_a_picture_of_the_right_size_is_copied_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype(np.uint8)

    same, fit = letterbox(image, (12, 20))

    np.testing.assert_array_equal(same, image)
    assert not np.shares_memory(same, image)
    assert (fit.scale_xy, fit.pad_xy) == ((1.0, 1.0), (0, 0))


def test_shrinking_averages_rather_than_skips():
    """A one-pixel checkerboard halved is an even grey; sampling would make it black or white."""
    board = (np.indices((16, 16)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None]

    small, _ = letterbox(board, (8, 8))

    assert set(np.unique(small)) <= {127, 128}


def test_boxes_by_hand():
    """480 x 640 into 320 x 320: half as large, 40 rows of border above."""
    fit = plan((480, 640), (320, 320))

    fitted = fit_boxes([[100, 200, 300, 400]], fit)

    np.testing.assert_array_equal(fitted, [[50, 140, 150, 240]])


def test_boxes_are_clipped_to_the_frame():
    fit = plan((480, 640), (320, 320))

    framed = unfit_boxes([[-9, 0, 400, 400]], fit)

    np.testing.assert_array_equal(framed, [[0, 0, 640, 480]])
    assert framed.dtype == np.float32


def test_no_boxes_stay_no_boxes():
    fit = plan((48, 64), (32, 32))

    assert unfit_boxes(np.zeros((0, 4)), fit).shape == (0, 4)


def test_a_masks_border_is_ignored_by_the_loss():
    fitted = fit_mask(np.zeros((4, 8), np.uint8), plan((4, 8), (8, 8)))

    np.testing.assert_array_equal(fitted[:, 0], [255, 255, 0, 0, 0, 0, 255, 255])


@pytest.mark.parametrize("frame_hw", [(0, 5), (5, 0), (-1, 5)])
def test_a_frame_without_pixels_is_refused(frame_hw):
    with pytest.raises(ShapeError, match="at least 1 x 1"):
        plan(frame_hw, (32, 32))


def test_wrong_shapes_are_refused():
    fit = plan((48, 64), (32, 32))
    calls = [
        lambda: letterbox(np.zeros((4, 4), np.uint8), (8, 8)),
        lambda: fit_boxes(np.zeros((2, 3)), fit),
        lambda: fit_mask(np.zeros((64, 48), np.uint8), fit),
        lambda: unfit_mask(np.zeros((48, 64), np.uint8), fit),
    ]

    for call in calls:
        with pytest.raises(ShapeError):
            call()
