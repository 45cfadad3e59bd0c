from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import AkitsuError
from akitsu.runtime.page.settings import Settings, by_class
from akitsu.runtime.results import Classification, Segmentation

from .scenes import CLASSES, seen

FOUND = seen().candidates


@pytest.mark.parametrize(("threshold", "count"), [(0.05, 4), (0.5, 3), (0.65, 2), (1.0, 0)])
def test_the_threshold_decides_which_boxes_are_drawn(threshold, count):
    assert len(Settings(threshold).apply(FOUND)) == count


def test_a_hidden_class_is_not_drawn_and_still_counted():
    shown = Settings(0.5, frozenset({"person"})).apply(FOUND)

    assert [shown.classes[label] for label in shown.labels] == ["dog"]
    assert by_class(FOUND, 0.5) == {"person": "2", "dog": "1"}


def test_a_picture_s_class_is_shown_if_it_is_likely_and_not_hidden():
    result = Classification(CLASSES, np.array([0.25, 0.75], np.float32))

    assert Settings(0.7).apply(result) is result
    assert Settings(0.8).apply(result) is None
    assert Settings(0.7, frozenset({"person"})).apply(result) is None
    assert by_class(result, 0.7) == {"dog": "25%", "person": "75%"}


def test_hidden_pixels_keep_their_colour():
    mask = np.array([[1, 1, 1, 0]], np.uint8)
    frame = np.full((1, 4, 3), 100, np.uint8)
    result = Segmentation(CLASSES, mask)

    shown = Settings(0.0, frozenset({"dog", "person"})).apply(result)

    assert (shown.draw(frame) == 100).all()
    assert result.mask is mask
    assert by_class(result, 0.0) == {"dog": "25%", "person": "75%"}


def test_what_is_not_asked_for_stays():
    before = Settings(0.5, frozenset({"dog"}))

    after = before.changed({"threshold": 0.7}, classes=CLASSES, floor=0.05)

    assert after == Settings(0.7, frozenset({"dog"}))
    assert before.threshold == 0.5


def test_nothing_below_the_floor_is_asked_for():
    assert Settings(0.5).changed({"threshold": 0}, classes=CLASSES, floor=0.05).threshold == 0.05


def test_a_misspelt_class_gets_advice():
    with pytest.raises(AkitsuError, match="no class 'persn'; write person"):
        Settings(0.5).changed({"hidden": ["persn"]}, classes=CLASSES, floor=0.05)
