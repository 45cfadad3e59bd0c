"""The scenes of the detectors' claims: the same everywhere, with exact boxes."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.data.generated.shape_scenes import CLASSES, DEFAULT, EASY, WIDE, ShapeScenes


@pytest.mark.parametrize("kind", [DEFAULT, EASY, WIDE], ids=["default", "easy", "wide"])
def test_shapes_have_sides_and_numbers_within_the_kind_s_and_lie_inside(kind):
    counts = set()

    for sample in ShapeScenes(60, 3, kind):
        sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
        assert sample.image.shape == (kind.side, kind.side, 3)
        assert (sample.boxes >= 0).all()
        assert (sample.boxes <= kind.side).all()
        assert sides.min() >= kind.widths[0]
        assert sides.max() <= kind.widths[1]
        counts.add(len(sample.boxes))

    assert counts == set(range(1, kind.most + 1))


def test_no_shape_hides_more_than_a_part_of_an_older_one():
    for sample in ShapeScenes(60, 3):
        for later, box in enumerate(sample.boxes):
            for other in sample.boxes[:later]:
                shared = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
                assert (shared <= 0.3 * (other[2:] - other[:2]) + 1e-6).any()


def test_a_scene_is_drawn_alike_alone_and_among_others():
    alone, among = ShapeScenes(5, 7)[3], list(ShapeScenes(5, 7))[3]

    np.testing.assert_array_equal(alone.image, among.image)
    np.testing.assert_array_equal(alone.boxes, among.boxes)


def test_another_seed_draws_other_scenes():
    assert not np.array_equal(ShapeScenes(1, 0)[0].image, ShapeScenes(1, 1)[0].image)


def test_each_shape_fills_its_share_of_its_box():
    """A square fills all of it, a disc pi/4, a triangle a half; noise is far below the colours."""
    shares = {name: [] for name in CLASSES}
    for sample in ShapeScenes(300, 5, WIDE):
        if len(sample.boxes) != 1 or (sample.boxes[0, 2:] - sample.boxes[0, :2]).min() < 30:
            continue
        x0, y0, x1, y1 = sample.boxes[0].astype(int)
        middle = sample.image[
            (y0 + y1) // 2 - 3 : (y0 + y1) // 2 + 3, (x0 + x1) // 2 - 3 : (x0 + x1) // 2 + 3
        ]
        colour = np.median(middle.reshape(-1, 3), axis=0)
        near = (abs(sample.image[y0:y1, x0:x1] - colour) < 40).all(-1)
        shares[CLASSES[sample.labels[0]]].append(near.mean())

    means = {name: np.mean(values) for name, values in shares.items()}

    assert means["square"] > 0.97
    assert means["disc"] == pytest.approx(np.pi / 4, abs=0.05)
    assert means["triangle"] == pytest.approx(0.5, abs=0.06)
