"""Tiny model files with planted answers, one per task, made with onnx.helper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from akitsu.runtime.card import METADATA_KEY, ModelCard

COLOURS = ("red", "green", "blue")
INPUT_HW = (32, 32)

# In input pixels: two upon each other, one of another class there, one far off, one too unlikely.
BOXES = [[4, 8, 12, 16], [4, 8, 12, 17], [4, 8, 12, 16], [20, 12, 28, 24], [0, 8, 2, 10]]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.1]
LABELS = [0, 0, 1, 2, 2]


def card(task: str, **changes: Any) -> ModelCard:
    plain = ModelCard(task=task, model="tiny", classes=COLOURS, input_hw=INPUT_HW, channels=3)
    return replace(plain, **changes)


def write(
    path: Path, model_card: ModelCard, *, text: str | None = None, batch: Any = "B", **planted: Any
) -> Path:
    """Write the task's graph with this card; `text` stands in its place where given."""
    nodes, constants, outputs = _GRAPHS[model_card.task](model_card, planted)
    shape = [batch, *model_card.input_hw, model_card.channels]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, shape)],
        outputs,
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: text or model_card.to_json()})
    path.write_bytes(model.SerializeToString())
    return path


def _classification(model_card: ModelCard, planted: dict[str, Any]) -> tuple[Any, ...]:
    """The softmax over each colour's mean: the picture's main colour is its class."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("Softmax", ["means"], ["probabilities"], axis=1),
    ]
    shape = ["B", len(COLOURS)]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, shape)]
    return nodes, {"axes": np.array([1, 2])}, outputs


def _segmentation(model_card: ModelCard, planted: dict[str, Any]) -> tuple[Any, ...]:
    """Each pixel's strongest colour is its class."""
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ArgMax", ["floats"], ["indices"], axis=3, keepdims=0),
        helper.make_node("Cast", ["indices"], ["masks"], to=TensorProto.UINT8),
    ]
    shape = ["B", *model_card.input_hw]
    return nodes, {}, [helper.make_tensor_value_info("masks", TensorProto.UINT8, shape)]


def _detection(model_card: ModelCard, planted: dict[str, Any]) -> tuple[Any, ...]:
    """The planted boxes, for every picture."""
    boxes = np.array(planted.get("boxes", BOXES), np.float32)
    constants = {
        "planted_boxes": boxes[None],
        "planted_scores": np.array([planted.get("scores", SCORES)], np.float32),
        "planted_labels": np.array([planted.get("labels", LABELS)], np.int64),
        "first": np.array([0]),
        "one": np.array([1]),
    }
    nodes = [
        helper.make_node("Shape", ["images"], ["shape"]),
        helper.make_node("Slice", ["shape", "first", "one"], ["batch"]),
        helper.make_node("Concat", ["batch", "one", "one"], ["thrice"], axis=0),
        helper.make_node("Concat", ["batch", "one"], ["twice"], axis=0),
        helper.make_node("Expand", ["planted_boxes", "thrice"], ["boxes"]),
        helper.make_node("Expand", ["planted_scores", "twice"], ["scores"]),
        helper.make_node("Expand", ["planted_labels", "twice"], ["labels"]),
    ]
    count = len(boxes)
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, ["B", count, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["B", count]),
        helper.make_tensor_value_info("labels", TensorProto.INT64, ["B", count]),
    ]
    return nodes, constants, outputs


_GRAPHS = {
    "classification": _classification,
    "detection": _detection,
    "segmentation": _segmentation,
}


def with_external_weights(path: Path) -> Path:
    """A sound classification model whose one constant lies in a second file."""
    write(path, card("classification"))
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    content = tensor.raw_data
    (path.parent / "weights.bin").write_bytes(content)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    path.write_bytes(model.SerializeToString())
    return path
