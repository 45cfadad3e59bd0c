"""A film of a red figure that walks through a dark room, and a model file that finds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from akitsu.runtime.card import METADATA_KEY, ModelCard
from akitsu.runtime.video import Recorder

FRAME_HW = (48, 64)
CARD = ModelCard(
    task="detection", model="reddest", classes=("person",), input_hw=FRAME_HW, channels=3
)


def picture(middle: float | None, *, height: int = 20, shade: int = 20) -> NDArray[np.uint8]:
    """A frame with a figure at this column, as many rows high; None: nobody is there."""
    image = np.full((*FRAME_HW, 3), shade, np.uint8)
    if middle is not None:
        top, left = (FRAME_HW[0] - height) // 2, round(middle) - 4
        image[top : top + height, max(0, left) : max(0, left + 8)] = (230, 10, 10)
    return image


def write_walk(path: Path, middles: Sequence[float | None], *, height: int = 20) -> Path:
    """An .mp4 of one frame a middle."""
    with Recorder(path, fps=30) as recorder:
        for middle in middles:
            recorder.write(picture(middle, height=height))
    return path


def write_finder(path: Path) -> Path:
    """A model file whose one box lies around all that is red, of score 0.9; 0 where nothing is."""
    constants = {
        "weights": np.array([1, -0.5, -0.5], np.float32),  # of red, green and blue
        "last": np.array([3]),
        "enough": np.array(90, np.float32),
        "down": np.array([1]),
        "across": np.array([2]),
        "one": np.array(1, np.int64),
        "everywhere": np.array([1]),
        "score": np.array(0.9, np.float32),
        "no": np.zeros((1, 1), np.int64),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        node("Mul", ["floats", "weights"], ["weighed"]),
        node("ReduceSum", ["weighed", "last"], ["redness"], keepdims=0),
        node("Greater", ["redness", "enough"], ["is_red"]),
        node("Cast", ["is_red"], ["red"], to=TensorProto.FLOAT),
    ]
    for side, axis in (("columns", "down"), ("rows", "across")):
        nodes += [
            node("ReduceMax", ["red", axis], [side], keepdims=0),
            node("ArgMax", [side], [f"{side}_first"], axis=1),
            node("ArgMax", [side], [f"{side}_final"], axis=1, select_last_index=1),
            node("Add", [f"{side}_final", "one"], [f"{side}_after"]),
        ]
    ends = ["columns_first", "rows_first", "columns_after", "rows_after"]
    nodes += [
        node("Concat", ends, ["corners"], axis=1),
        node("Cast", ["corners"], ["floating_corners"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["floating_corners", "everywhere"], ["boxes"]),
        node("ReduceMax", ["columns", "everywhere"], ["is_there"]),
        node("Mul", ["is_there", "score"], ["scores"]),
        node("Identity", ["no"], ["labels"]),
    ]
    graph = helper.make_graph(
        nodes,
        "reddest",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, [1, *FRAME_HW, 3])],
        [
            helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 1, 4]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 1]),
            helper.make_tensor_value_info("labels", TensorProto.INT64, [1, 1]),
        ],
        initializer=[numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: CARD.to_json()})
    path.write_bytes(model.SerializeToString())
    return path
