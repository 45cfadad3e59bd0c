"""A model file of a table without the library that made it: a tiny graph, written here."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import akitsu
from akitsu.errors import DataError, ModelFileError, ShapeError
from akitsu.runtime.card import METADATA_KEY, ModelCard
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.table_recognizer import TableRecognizer
from tests.runtime import onnx_files

CARD = ModelCard(
    task="table",
    model="tiny",
    classes=("short", "long"),
    features=("length", "colour"),
    categories={"colour": ["blue", "red"]},
)


def write(path, *, card=CARD, inputs=3, kind=TensorProto.DOUBLE, classes=2, name="features"):
    """Softmax of (-length, length), whatever the colour."""
    weights = np.zeros((inputs, classes))
    weights[0, :2] = [-1, 1]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [name], ["rows"], to=TensorProto.DOUBLE),
            helper.make_node("MatMul", ["rows", "weights"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["soft"], axis=1),
            helper.make_node("Cast", ["soft"], ["probabilities"], to=TensorProto.FLOAT),
        ],
        "tiny",
        [helper.make_tensor_value_info(name, kind, ["B", inputs])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", None])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def recognizer(tmp_path):
    return akitsu.load(write(tmp_path / "m.onnx"))


def test_load_opens_rows_and_pictures_each_as_what_they_are(tmp_path, recognizer):
    assert isinstance(recognizer, TableRecognizer)
    assert recognizer.inputs == ["length", "colour=blue", "colour=red"]


def test_a_row_is_answered_with_probabilities(recognizer):
    result = recognizer([2.0, 0.0, 1.0])

    assert (result.name, result.label) == ("long", 1)
    assert result.probabilities == pytest.approx([0.018, 0.982], abs=1e-3)
    assert result.probabilities.dtype == np.float32


def test_a_row_by_its_columns_is_the_same_row(recognizer):
    named = recognizer({"colour": "red", "length": 2})

    assert named.probabilities.tolist() == recognizer([2, 0, 1]).probabilities.tolist()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.uint8])
def test_rows_of_any_number_are_answered_one_by_one(recognizer, kind):
    rows = np.array([[2, 0, 1], [0, 1, 0]], kind)

    one_by_one = [recognizer(row).probabilities.tolist() for row in rows]

    assert [result.probabilities.tolist() for result in recognizer(rows)] == one_by_one
    assert recognizer.predict_inputs(rows)["probabilities"].tolist() == one_by_one


def test_more_rows_than_one_run_takes_come_back_in_order(recognizer):
    rows = np.zeros((9000, 3))
    rows[:, 0] = np.linspace(-3, 3, 9000)

    probabilities = recognizer.predict_inputs(rows)["probabilities"]

    assert probabilities.shape == (9000, 2)
    assert (np.diff(probabilities[:, 1]) >= 0).all()
    assert recognizer.batch(np.empty((0, 3))) == []


WRONG_ROWS = {
    "too short": [1.0, 2.0],
    "three axes": np.zeros((1, 1, 3)),
    "texts": ["1", "0", "1"],
    "not a number": [float("nan"), 0, 1],
}


@pytest.mark.parametrize("row", WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_a_row_that_does_not_fit_is_a_sentence(recognizer, row):
    with pytest.raises(ShapeError, match=r"m\.onnx"):
        recognizer(row)


def test_a_colour_that_training_did_not_see_is_a_sentence(recognizer):
    with pytest.raises(DataError, match=r"'rad' in the column 'colour'.*write red"):
        recognizer({"length": 1.0, "colour": "rad"})


WRONG_FILES = {
    "more inputs than the card": ({"inputs": 4}, "has shape"),
    "floats": ({"kind": TensorProto.FLOAT}, r"where features tensor\(double\) belongs"),
    "an input of pictures": ({"name": "images"}, "where features"),
}


@pytest.mark.parametrize(("options", "reason"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_graph_that_does_not_fit_its_card_is_refused(tmp_path, options, reason):
    with pytest.raises(ModelFileError, match=reason):
        akitsu.load(write(tmp_path / "m.onnx", **options))


def test_more_classes_than_in_the_card_are_a_sentence(tmp_path):
    recognizer = akitsu.load(write(tmp_path / "m.onnx", classes=3))

    with pytest.raises(ModelFileError, match="answers with 3 classes where its card names 2"):
        recognizer([1, 0, 1])


def test_a_recognizer_of_pictures_does_not_take_a_file_of_rows_nor_the_other_way(tmp_path):
    rows = write(tmp_path / "rows.onnx")

    pictures = onnx_files.write(tmp_path / "pictures.onnx", onnx_files.card("classification"))

    with pytest.raises(ModelFileError, match="answers rows of a table, and no pictures"):
        Recognizer(rows)
    with pytest.raises(ModelFileError, match="does classification of pictures"):
        TableRecognizer(pictures)
    assert isinstance(akitsu.load(pictures), Recognizer)


def test_rows_of_a_table_have_no_tiles(tmp_path):
    path = write(tmp_path / "m.onnx")

    with pytest.raises(ModelFileError, match="tiles are for pictures"):
        akitsu.load(path, tile_overlap=0.25)
