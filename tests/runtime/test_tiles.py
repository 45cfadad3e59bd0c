"""Tiles: everything small is whole in one, and their answers come together as one frame's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akitsu.runtime.results import Detections
from akitsu.runtime.tiles import LARGEST_OVERLAP, Tile, merge, tiles

sides = st.integers(1, 400)
tile_sides = st.integers(4, 100)
overlaps = st.floats(0.01, LARGEST_OVERLAP)


@given(sides, sides, tile_sides, tile_sides, overlaps, st.data())
def test_a_box_as_large_as_the_overlap_is_whole_in_some_tile(h, w, tile_h, tile_w, overlap, data):
    parts = tiles((h, w), (tile_h, tile_w), overlap)
    # The frame itself shows everything: it does not count.
    parts = parts[:-1] or parts
    height = min(int(tile_h * overlap), h)
    width = min(int(tile_w * overlap), w)
    top = data.draw(st.integers(0, h - height))
    left = data.draw(st.integers(0, w - width))

    assert any(
        part.left <= left
        and part.top <= top
        and left + width <= part.right
        and top + height <= part.bottom
        for part in parts
    )


@given(sides, sides, tile_sides, tile_sides, overlaps)
def test_tiles_lie_in_the_frame_and_have_one_size(h, w, tile_h, tile_w, overlap):
    *parts, whole = tiles((h, w), (tile_h, tile_w), overlap)

    assert whole == Tile(0, 0, w, h)
    assert len(set(parts)) == len(parts) != 1
    for part in parts:
        assert 0 <= part.left < part.right <= w
        assert 0 <= part.top < part.bottom <= h
        assert part.right - part.left == min(tile_w, w)
        assert part.bottom - part.top == min(tile_h, h)


def test_a_frame_that_fits_into_a_tile_is_its_only_part():
    assert tiles((80, 100), (80, 100), 0.25) == [Tile(0, 0, 100, 80)]


def test_no_more_tiles_than_are_needed():
    # 540 rows: 320 + 240 reach; 640 columns: 384 + 288 reach.
    assert len(tiles((540, 640), (320, 384), 0.25)) == 2 * 2 + 1


def test_a_tile_shows_its_part_of_the_frame():
    frame = np.arange(24).reshape(4, 6)

    assert Tile(1, 2, 4, 4).of(frame).tolist() == [[13, 14, 15], [19, 20, 21]]


def seen(*boxes, scores=None, labels=None):
    """What one tile answers."""
    n = len(boxes)
    return Detections(
        ("person", "dog"),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores if scores is not None else [0.9] * n, np.float32),
        np.array(labels if labels is not None else [0] * n, np.int64),
    )


PARTS = [Tile(0, 0, 100, 100), Tile(75, 0, 175, 100), Tile(0, 0, 175, 100)]


def merged(*results):
    return merge(results, PARTS, iou_threshold=0.5, max_detections=10)


def test_boxes_come_back_in_pixels_of_the_frame():
    result = merged(seen(), seen([30, 10, 40, 30]), seen())

    assert result.boxes.tolist() == [[105, 10, 115, 30]]


def test_one_thing_seen_in_two_tiles_is_one():
    result = merged(
        seen([78, 10, 95, 30], scores=[0.6]),
        seen([3, 10, 20, 30], scores=[0.8]),
        seen([78, 11, 96, 30], scores=[0.3]),
    )

    assert result.boxes.tolist() == [[78, 10, 95, 30]]
    assert result.scores.tolist() == pytest.approx([0.8])


def test_a_surer_piece_yields_to_the_whole_thing():
    result = merged(
        seen([70, 10, 100, 30], scores=[0.9]),  # cut at the inner edge
        seen([0, 10, 40, 30], scores=[0.8]),  # cut on its other side
        seen([70, 10, 115, 30], scores=[0.5]),  # the whole frame shows all of it
    )

    assert result.boxes.tolist() == [[70, 10, 115, 30]]


def test_a_sure_piece_does_not_yield_to_a_faint_guess():
    """At the least score that an evaluation asks for there is a box around almost everything."""
    result = merged(
        seen([70, 10, 100, 30], scores=[0.9]), seen(), seen([60, 0, 120, 60], scores=[0.02])
    )

    assert result.scores.tolist() == pytest.approx([0.9, 0.02])


def test_a_piece_of_which_nobody_sees_the_whole_stays():
    result = merged(seen([70, 10, 100, 30]), seen(), seen())

    assert result.boxes.tolist() == [[70, 10, 100, 30]]


def test_a_box_at_the_edge_of_the_frame_is_no_piece():
    result = merged(seen([0, 10, 20, 30], scores=[0.9]), seen(), seen([0, 5, 60, 95], scores=[0.5]))

    assert len(result) == 2


def test_a_piece_in_a_box_of_another_class_stays():
    result = merged(
        seen([90, 10, 100, 30]), seen(), seen([60, 0, 140, 60], scores=[0.5], labels=[1])
    )

    assert sorted(result.labels.tolist()) == [0, 1]


def test_no_more_boxes_stay_than_are_asked_for():
    result = merge(
        [seen([1, 1, 5, 5], [20, 20, 30, 30], [50, 50, 60, 60], scores=[0.2, 0.9, 0.5])],
        [Tile(0, 0, 100, 100)],
        iou_threshold=0.5,
        max_detections=2,
    )

    assert result.scores.tolist() == pytest.approx([0.9, 0.5])
