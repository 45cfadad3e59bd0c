from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import ModelFileError
from akitsu.runtime.card import SCHEMA_VERSION, ModelCard

CARD = ModelCard(
    task="detection",
    model="tiny",
    classes=("person", "蜻蛉"),
    input_hw=(96, 128),
    channels=3,
    normalisation={"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    provenance={"seed": 1},
    data={"format": "voc", "classes": ["person", "蜻蛉"]},
    scores={"map50": {"value": 0.9, "low": None, "high": 1.0, "n": 12}},
)

TABLE = ModelCard(
    task="table",
    model="decision-tree",
    classes=("setosa", "virginica"),
    features=("petal length (cm)", "colour"),
    categories={"colour": ["blue", "red"]},
)


def changed(**changes):
    return json.dumps(json.loads(CARD.to_json()) | changes)


def test_a_card_comes_back_as_it_was():
    assert ModelCard.from_json(CARD.to_json(), where="m.onnx") == CARD


@pytest.mark.parametrize("changes", [{"fit": "stretch"}, {"fit": "stretch", "crop": 0.5}])
def test_what_version_1_would_pass_over_is_of_version_2(changes):
    card = replace(CARD, task="classification", **changes)

    again = ModelCard.from_json(card.to_json(), where="m.onnx")

    assert again == card
    assert json.loads(card.to_json())["schema_version"] == 2
    assert json.loads(CARD.to_json())["schema_version"] == 1


@pytest.mark.parametrize("changes", [{"tile_overlap": 0.25}, {"fit": "quick-stretch"}])
def test_what_version_2_would_not_know_is_of_version_3(changes):
    card = replace(CARD, task="detection", **changes)

    assert ModelCard.from_json(card.to_json(), where="m.onnx") == card
    assert json.loads(card.to_json())["schema_version"] == 3


def test_tiles_are_for_detection_alone():
    with pytest.raises(ModelFileError, match="tiles of pictures for segmentation"):
        ModelCard.from_json(changed(task="segmentation", tile_overlap=0.5), where="m.onnx")


def test_a_card_of_version_1_is_letterboxed_whole():
    document = json.loads(CARD.to_json())
    del document["fit"], document["crop"]

    card = ModelCard.from_json(json.dumps(document), where="m.onnx")

    assert (card.fit, card.crop) == ("letterbox", 1)


def test_a_card_of_a_table_comes_back_and_says_nothing_of_pictures():
    text = TABLE.to_json()

    assert ModelCard.from_json(text, where="m.onnx") == TABLE
    assert not {"input_hw", "channels", "pad_value", "iou_threshold"} & set(json.loads(text))


def test_a_card_of_pictures_says_nothing_of_tables_and_is_as_it_was():
    """A model file that an older akitsu wrote has no features, and one that this akitsu writes for
    pictures can be read by the older one."""
    document = json.loads(CARD.to_json())

    assert not {"features", "categories"} & set(document)
    strange = json.dumps(document | {"features": 7})
    assert ModelCard.from_json(strange, where="m.onnx") == CARD


WRONG_TABLES = {
    "no features": ({"features": []}, "features is [] where a list of names belongs"),
    "features as a text": ({"features": "a"}, "where a list of names belongs"),
    "categories as a list": ({"categories": ["red"]}, "where an object of lists of names belongs"),
    "an empty category": ({"categories": {"colour": []}}, "where an object of lists of names"),
}


@pytest.mark.parametrize(("changes", "reason"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_wrong_value_of_a_table_is_named(changes, reason):
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(json.dumps(json.loads(TABLE.to_json()) | changes), where="m.onnx")

    assert reason in str(caught.value)


def test_a_table_without_features_is_a_sentence():
    document = json.loads(TABLE.to_json())
    del document["features"]

    with pytest.raises(ModelFileError, match="features is missing"):
        ModelCard.from_json(json.dumps(document), where="m.onnx")


def test_a_key_from_a_later_version_is_passed_over():
    assert ModelCard.from_json(changed(colour="red"), where="m.onnx") == CARD


WRONG = {
    "unknown task": ({"task": "detektion"}, "write detection"),
    "task of another type": ({"task": ["detection"]}, "unknown task"),
    "newer schema": ({"schema_version": SCHEMA_VERSION + 1}, "pip install --upgrade akitsu"),
    "no schema": ({"schema_version": None}, "schema_version is None where"),
    "model": ({"model": 3}, "model is 3 where a name belongs"),
    "quantisation": ({"quantisation": "int8"}, "quantisation is 'int8' where an object belongs"),
    "no classes": ({"classes": []}, "classes is [] where a list of names belongs"),
    "a class without name": ({"classes": ["a", ""]}, "where a list of names belongs"),
    "classes as a text": ({"classes": "person"}, "where a list of names belongs"),
    "input_hw": ({"input_hw": [96]}, "input_hw is [96] where"),
    "an input of terabytes": ({"input_hw": [10**6, 10**6]}, "from 1 to 8192"),
    "channels": ({"channels": 4}, "channels is 4 where 1 or 3 belongs"),
    "channels as truth": ({"channels": True}, "channels is True where"),
    "pad_value": ({"pad_value": 256}, "pad_value is 256 where"),
    "fit": ({"fit": "cover"}, "fit is 'cover' where letterbox or stretch or quick-stretch belongs"),
    "fit of another type": ({"fit": ["stretch"]}, "fit is ['stretch'] where"),
    "crop": ({"crop": 0.1}, "crop is 0.1 where a number from 0.25 to 1 belongs"),
    "a crop of boxes": ({"crop": 0.9}, "a crop of 0.9 of pictures for detection"),
    "score_threshold": ({"score_threshold": 25}, "score_threshold is 25 where"),
    "iou_threshold": ({"iou_threshold": "0.5"}, "iou_threshold is '0.5' where"),
    "max_detections": ({"max_detections": 0}, "max_detections is 0 where"),
    "normalisation": ({"normalisation": {"mean": 0.5}}, "normalisation is"),
    "a mean that is no number": ({"normalisation": {"mean": [float("nan")]}}, "normalisation is"),
    "decoding": ({"decoding": None}, "decoding is None where a text belongs"),
    "licence": ({"licence": 7}, "licence is 7 where a text belongs"),
    "provenance": ({"provenance": []}, "provenance is [] where an object belongs"),
    "data": ({"data": "x"}, "data is 'x' where an object belongs"),
    "scores": ({"scores": {"map": 0.5}}, "scores is"),
}


@pytest.mark.parametrize(("changes", "reason"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_named_with_the_file(changes, reason):
    with pytest.raises(ModelFileError) as caught:
        ModelCard.from_json(changed(**changes), where="m.onnx")

    assert str(caught.value).startswith("m.onnx: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize("key", ["task", "model", "classes", "input_hw", "channels"])
def test_a_missing_key_is_named(key):
    document = json.loads(CARD.to_json())
    del document[key]

    with pytest.raises(ModelFileError, match=f"{key} is missing"):
        ModelCard.from_json(json.dumps(document), where="m.onnx")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "[" * 100_000, '"card"'])
def test_what_is_no_json_object_is_a_sentence(text):
    with pytest.raises(ModelFileError, match="the model card is wrong"):
        ModelCard.from_json(text, where="m.onnx")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(sorted(json.loads(CARD.to_json()))), anything)
def test_no_value_whatever_raises_anything_else(key, value):
    with suppress(ModelFileError):
        ModelCard.from_json(changed(**{key: value}), where="m.onnx")
