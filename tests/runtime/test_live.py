from __future__ import annotations

import json

import numpy as np
import pytest

from akitsu.errors import ModelFileError
from akitsu.runtime.distance import Ruler
from akitsu.runtime.frames import Absence, Frame
from akitsu.runtime.live import objects_in, watch
from akitsu.runtime.pictures import write_picture
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.results import Classification, Detections, Segmentation
from akitsu.runtime.sources import open_source

from . import onnx_files

CLASSES = ("dog", "person")
DETECTIONS = Detections(
    CLASSES,
    np.array([[10, 20, 50, 40], [0, 0, 5, 10]], np.float32),
    np.array([0.9, 0.4], np.float32),
    np.array([1, 0]),
)


def test_a_detection_says_where_and_how_large():
    """A box of 40 x 20 in a frame of 100 x 80: its centre is (30, 30), its size a tenth."""
    first, second = objects_in(DETECTIONS, frame_hw=(80, 100))

    assert first == {
        "id": None,
        "class": "person",
        "score": 0.9,
        "box": [10, 20, 50, 40],
        "position": [30, 30],
        "offset": [-0.4, -0.25],
        "size": 0.1,
        "distance_m": None,
    }
    assert second["class"] == "dog"


def test_with_a_ruler_a_person_has_a_distance_and_a_dog_has_none():
    """20 pixels high at a focal length of 100: five times the height away."""
    ruler = Ruler(100, 1.7, 0.0)
    person, dog = objects_in(DETECTIONS, frame_hw=(80, 100), ruler=ruler)

    assert person["distance_m"]["value"] == 8.5
    assert dog["distance_m"] is None


def test_only_the_class_asked_for_is_listed():
    objects = objects_in(DETECTIONS, frame_hw=(80, 100), class_name="dog")

    assert [one["class"] for one in objects] == ["dog"]


def test_a_classification_is_its_best_class():
    result = Classification(CLASSES, np.array([0.25, 0.75], np.float32))

    assert objects_in(result, frame_hw=(1, 1)) == [{"class": "person", "score": 0.75}]


def test_a_segmentation_is_the_share_of_each_class_present():
    mask = np.array([[1, 1, 1, 0]], np.uint8)

    assert objects_in(Segmentation((*CLASSES, "car"), mask), frame_hw=(1, 4)) == [
        {"class": "person", "share": 0.75},
        {"class": "dog", "share": 0.25},
    ]


@pytest.fixture
def recognizer(tmp_path):
    return Recognizer(onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection")))


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        write_picture(tmp_path / "pictures" / name, np.zeros((32, 32, 3), np.uint8))
    return tmp_path / "pictures"


def test_every_frame_of_a_folder_is_seen_in_order(recognizer, folder):
    with open_source(folder) as source:
        seen = list(watch(recognizer, source))

    assert [one.frame.name for one in seen] == ["a.png", "b.png"]
    assert all(len(one.result) == 3 and one.latency_ms >= 0 for one in seen)


def test_what_is_seen_can_be_written_as_json(recognizer, folder):
    with open_source(folder) as source:
        document = next(watch(recognizer, source)).as_document()

    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert list(document) == [
        "state",
        "frame",
        "captured_at",
        "latency_ms",
        "dropped",
        "objects",
    ]


def test_detections_of_other_classes_are_not_drawn_either(recognizer, folder):
    with open_source(folder) as source:
        seen = next(watch(recognizer, source, class_name="blue"))

    assert seen.result.labels.tolist() == [2]
    assert [one["class"] for one in seen.objects] == ["blue"]


class Flickering:
    """A frame, nothing for a while, a frame."""

    dropped = 4
    frame = Frame(np.zeros((9, 9, 3), np.uint8), 0, 1.0, "frame 0")

    def moments(self):
        yield from (self.frame, Absence("stale", 1.25, "only black frames come"), self.frame)


def test_without_a_frame_nothing_is_seen_and_the_robot_is_told(recognizer):
    """Whoever steers by `best` needs no special case."""
    first, missing, second = watch(recognizer, Flickering(), class_name="blue")

    assert [one.state for one in (first, missing, second)] == ["live", "stale", "live"]
    assert (first.best["class"], missing.best, missing.objects) == ("blue", None, [])
    document = missing.as_document()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document == {
        "state": "stale",
        "frame": None,
        "no_frame_for_s": 1.25,
        "why": "only black frames come",
        "dropped": 4,
        "objects": [],
    }


def test_the_best_object_is_the_one_of_the_highest_score(recognizer, folder):
    with open_source(folder) as source:
        everything, nothing = (
            next(watch(recognizer, source, score_threshold=threshold)) for threshold in (0.0, 1.0)
        )

    assert everything.best["score"] == max(one["score"] for one in everything.objects)
    assert nothing.best is None


def test_a_misspelt_class_gets_advice_before_the_first_frame(recognizer):
    with pytest.raises(ModelFileError) as caught:
        watch(recognizer, source=None, class_name="gren")

    assert str(caught.value) == "this model knows no class 'gren'; write green."


def test_a_clock_set_back_gives_no_latency_below_zero(recognizer):
    class FromTheFuture:
        dropped = 0

        def moments(self):
            yield Frame(np.zeros((9, 9, 3), np.uint8), 0, 1e11, "frame 0")

    assert next(watch(recognizer, FromTheFuture())).latency_ms == 0


def test_candidates_go_further_down_than_the_result(recognizer, folder):
    """The planted scores are 0.9, 0.8 (suppressed), 0.7, 0.6 and 0.1."""
    with open_source(folder) as source:
        seen = next(watch(recognizer, source, score_threshold=0.65, candidates_from=lambda: 0.05))

    np.testing.assert_allclose(seen.candidates.scores, [0.9, 0.7, 0.6, 0.1])
    np.testing.assert_allclose(seen.result.scores, [0.9, 0.7])
    assert [one["score"] for one in seen.objects] == [0.9, 0.7]


@pytest.mark.parametrize("lowest", [0.0, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.65, 0.75, 1.0])
def test_curiosity_changes_nothing_of_the_result(recognizer, folder, threshold, lowest):
    with open_source(folder) as source:
        curious = next(
            watch(recognizer, source, score_threshold=threshold, candidates_from=lambda: lowest)
        )

    plain = recognizer(curious.frame.image, score_threshold=threshold)

    np.testing.assert_array_equal(curious.result.boxes, plain.boxes)
    np.testing.assert_array_equal(curious.result.labels, plain.labels)
