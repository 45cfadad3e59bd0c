from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import numpy as np
import onnx
import pytest

import akitsu
from akitsu.errors import ModelFileError, ShapeError
from akitsu.runtime.card import ModelCard
from akitsu.runtime.letterbox import plan
from akitsu.runtime.recognizer import Recognizer, prepare_inputs, results_from_outputs

from . import onnx_files

TASKS = ("classification", "detection", "segmentation")


@pytest.fixture
def opened(tmp_path):
    def open_task(task, **changes):
        planted = {k: changes.pop(k) for k in ("boxes", "scores", "labels") if k in changes}
        card = onnx_files.card(task, **changes)
        return Recognizer(onnx_files.write(tmp_path / f"{task}.onnx", card, **planted))

    return open_task


def painted(height, width, colour):
    return np.full((height, width, 3), colour, np.uint8)


def test_the_main_colour_is_the_class(opened):
    result = opened("classification")(painted(32, 32, (0, 9, 0)))

    assert result.name == "green"
    assert result.probabilities.sum() == pytest.approx(1)


def test_the_mask_is_as_large_as_the_frame_and_lies_where_the_colours_are(opened):
    frame = painted(64, 128, (200, 0, 0))
    frame[:, 64:] = 0, 0, 200

    mask = opened("segmentation", pad_value=0)(frame).mask

    expected = np.zeros((64, 128), np.uint8)
    expected[:, 64:] = 2
    np.testing.assert_array_equal(mask, expected)


def test_boxes_come_back_in_frame_pixels(opened):
    """A frame of 64 x 128 into 32 x 32 is a quarter as large, below a border of 8 rows."""
    result = opened("detection")(painted(64, 128, 0))

    np.testing.assert_allclose(
        result.boxes, [[16, 0, 48, 32], [16, 0, 48, 32], [80, 16, 112, 64]], atol=1e-4
    )
    assert result.labels.tolist() == [0, 1, 2]
    np.testing.assert_allclose(result.scores, [0.9, 0.7, 0.6])


def test_a_detector_with_tiles_answers_for_each_and_for_the_whole_frame(opened):
    """Whatever it is shown, it sees one box; 64 columns are three tiles of 32."""
    recognizer = opened(
        "detection", boxes=[[4, 8, 12, 16]], scores=[0.9], labels=[1], tile_overlap=0.25
    )

    result = recognizer(painted(32, 64, 0))

    np.testing.assert_allclose(
        sorted(result.boxes.tolist()),
        [[4, 8, 12, 16], [8, 0, 24, 16], [20, 8, 28, 16], [36, 8, 44, 16]],
        atol=1e-4,
    )


def test_tiles_can_be_asked_for_when_a_model_is_opened(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection"))

    assert akitsu.load(path, tile_overlap=0.5).card.tile_overlap == 0.5
    assert akitsu.load(path).card.tile_overlap == 0


def test_tiles_are_for_detectors(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("segmentation"))

    with pytest.raises(ModelFileError, match="tiles are for detection, and this model is for seg"):
        akitsu.load(path, tile_overlap=0.25)


def test_an_overlap_that_would_never_end_is_refused(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection"))

    with pytest.raises(ValueError, match=r"a tile_overlap of 1\.0"):
        akitsu.load(path, tile_overlap=1.0)


def test_a_lower_threshold_lets_the_unlikely_box_in(opened):
    result = opened("detection")(painted(64, 128, 0), score_threshold=0.05)

    assert result.scores.min() == pytest.approx(0.1)


def test_a_box_in_the_border_is_left_out(opened):
    recognizer = opened("detection", boxes=[[0, 0, 9, 7]], scores=[0.9], labels=[1])

    assert len(recognizer(painted(64, 128, 0))) == 0


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_no_number_is_no_box(opened, number):
    boxes, scores = [[0, 8, number, 9], [0, 8, 9, 9], [4, 8, 9, 20]], [0.9, np.nan, 0.5]
    recognizer = opened("detection", boxes=boxes, scores=scores, labels=[0, 0, 0])

    assert recognizer(painted(64, 128, 0)).scores.tolist() == [0.5]


@pytest.mark.parametrize("task", TASKS)
def test_many_frames_at_once_are_answered_as_one_by_one(opened, task):
    recognizer = opened(task)
    random = np.random.default_rng(1)
    sizes = random.integers(5, 60, (19, 2))
    frames = [random.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in sizes]

    together = recognizer.batch(frames)

    assert repr(together) == repr([recognizer(frame) for frame in frames])
    assert recognizer.batch([]) == []


def test_a_graph_for_one_picture_serves_many(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("classification"), batch=1)

    results = Recognizer(path).batch([painted(9, 9, (9, 0, 0)), painted(9, 9, (0, 0, 9))])

    assert [result.name for result in results] == ["red", "blue"]


def test_grey_frames_are_shown_to_a_colour_model(opened):
    recognizer = opened("segmentation")
    grey = np.full((10, 10), 50, np.uint8)

    assert recognizer(grey).mask.shape == recognizer(grey[:, :, None]).mask.shape == (10, 10)


def test_colour_frames_are_shown_to_a_grey_model(tmp_path):
    path = tmp_path / "m.onnx"
    recognizer = Recognizer(onnx_files.write(path, onnx_files.card("segmentation", channels=1)))

    assert recognizer(painted(8, 8, (255, 0, 0))).mask.max() == 0


WRONG_FRAMES = {
    "floats": np.zeros((8, 8, 3)),
    "four channels": np.zeros((8, 8, 4), np.uint8),
    "a batch": np.zeros((1, 8, 8, 3), np.uint8),
    "a row": np.zeros(8, np.uint8),
    "no pixel": np.zeros((0, 8, 3), np.uint8),
    "a list": [[0, 0]],
}


@pytest.mark.parametrize("frame", WRONG_FRAMES.values(), ids=WRONG_FRAMES)
def test_a_frame_of_another_shape_or_type_is_refused(opened, frame):
    with pytest.raises(ShapeError, match=r"a frame is .*pass uint8 of shape \(H, W, 3\)"):
        opened("classification")(frame)


def test_inputs_are_answered_raw_and_checked(opened):
    recognizer = opened("detection")

    outputs = recognizer.predict_inputs(np.zeros((17, 32, 32, 3), np.uint8))

    assert {name: array.shape for name, array in outputs.items()} == {
        "boxes": (17, 5, 4),
        "scores": (17, 5),
        "labels": (17, 5),
    }
    with pytest.raises(ShapeError, match=r"\(B, 32, 32, 3\)"):
        recognizer.predict_inputs(np.zeros((1, 16, 32, 3), np.uint8))


def test_a_class_beyond_the_card_is_refused_before_it_is_named():
    card = onnx_files.card("detection")
    outputs = {
        "boxes": np.array([[[0, 0, 9, 9]]], np.float32),
        "scores": np.array([[0.9]], np.float32),
        "labels": np.array([[7]]),
    }

    with pytest.raises(ModelFileError, match="8 classes where its card names 3"):
        results_from_outputs(outputs, [plan((32, 32), (32, 32))], card)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(ModelFileError, match=r"none\.onnx: there is no such model file; "):
        akitsu.load(tmp_path / "none.onnx")


def test_every_cut_of_a_file_is_refused(tmp_path, capfd):
    sound = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection")).read_bytes()
    cut = tmp_path / "cut.onnx"
    for size in range(0, len(sound), 37):
        cut.write_bytes(sound[:size])

        with pytest.raises(ModelFileError, match=r"cut\.onnx: "):
            akitsu.load(cut)

    assert capfd.readouterr().err == "", "onnxruntime has to stay quiet"


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_what_is_no_onnx_is_named(tmp_path, content):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"m\.onnx: "):
        akitsu.load(path)


def test_a_model_file_with_flipped_bits_is_refused_or_opened_in_silence(tmp_path, capfd):
    sound = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("segmentation")).read_bytes()
    path, random = tmp_path / "flipped.onnx", np.random.default_rng(5)
    for _ in range(300):
        content = np.frombuffer(sound, np.uint8).copy()
        content[random.integers(0, len(content), 2)] ^= np.uint8(1 << random.integers(0, 8))
        path.write_bytes(content.tobytes())
        with suppress(ModelFileError):
            akitsu.load(path)

    assert capfd.readouterr() == ("", "")


def test_a_folder_stands_for_the_model_file_in_it(tmp_path):
    with pytest.raises(ModelFileError, match=r"model\.onnx: there is no such model file"):
        akitsu.load(tmp_path)


def test_weights_in_another_file_are_refused(tmp_path):
    path = onnx_files.with_external_weights(tmp_path / "m.onnx")

    with pytest.raises(ModelFileError, match="keeps its weights in another file"):
        akitsu.load(path)


def test_somebody_elses_onnx_is_told_apart(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection"))
    model = onnx.load(path)
    del model.metadata_props[:]
    path.write_bytes(model.SerializeToString())

    with pytest.raises(ModelFileError, match="without the model card of akitsu"):
        akitsu.load(path)


def test_a_card_of_another_task_does_not_fit_the_graph(tmp_path):
    text = onnx_files.card("detection").to_json()
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("segmentation"), text=text)

    with pytest.raises(ModelFileError, match="detection needs an output boxes, and there is masks"):
        akitsu.load(path)


def test_a_card_of_another_size_does_not_fit_the_graph(tmp_path):
    text = onnx_files.card("segmentation", input_hw=(64, 64)).to_json()
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("segmentation"), text=text)

    with pytest.raises(ModelFileError, match=r"the card says \(64, 64, 3\)"):
        akitsu.load(path)


def test_an_output_of_another_type_does_not_fit(tmp_path):
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("segmentation"))
    model = onnx.load(path)
    model.graph.node[-1].attribute[0].i = onnx.TensorProto.INT64
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    path.write_bytes(model.SerializeToString())

    with pytest.raises(ModelFileError, match=r"masks is tensor\(int64\) of 3 axes"):
        akitsu.load(path)


HEAVY = ("torch", "matplotlib", "scipy", "pydantic", "supervision", "typer", "rich", "PIL")


def test_the_robot_loads_nothing_that_it_does_not_need(tmp_path):
    """In a process of its own, since this one has loaded nearly all of it."""
    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection"))
    code = (
        "import sys, numpy, akitsu;"
        f"akitsu.load({str(path)!r})(numpy.zeros((48, 64, 3), 'uint8'));"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"
    assert run.stderr == ""


def test_outputs_are_decoded_without_onnxruntime():
    code = "import sys, akitsu.runtime.recognizer; print('onnxruntime' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "False"


def test_frames_are_fitted_as_the_card_says():
    """Black above white, wider than high: squeezed without border, its middle half shown."""
    frame = np.repeat(np.array([0, 255], np.uint8), 8)[:, None, None].repeat(40, 1).repeat(3, 2)
    card = ModelCard(
        task="classification", model="tiny", classes=("a",), input_hw=(8, 8), channels=3,
        fit="stretch", crop=0.5,
    )  # fmt: skip

    inputs, [fit] = prepare_inputs([frame], card=card)

    np.testing.assert_array_equal(inputs[0, :, :, 0], [[0] * 8] * 4 + [[255] * 8] * 4)
    assert fit.inner_hw == (16, 16)
