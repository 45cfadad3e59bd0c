"""What an ONNX file costs, counted with onnxruntime alone: PyTorch and onnx are not on the robot.

onnxruntime runs the graph once as it is written and notes the shapes at every node: multiply-adds
follow from them. The arena's bytes in use are in the same notes.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.deploy.figures import Figures
from akitsu.errors import ModelFileError
from akitsu.runtime.model_file import first_line
from akitsu.runtime.protobuf import fields, varint

GRAPH, INITIALIZER, DIMS, DATA_TYPE = 7, 5, 1, 2
"""Field numbers of ModelProto, GraphProto and TensorProto (onnx.proto3)."""
# float, uint8, int8, float16, double, bfloat16: whole numbers of 64 bits are shapes, not weights.
WEIGHT_TYPES = (1, 2, 3, 10, 11, 16)
NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}
Inputs = dict[str, NDArray[Any]]


def session_of(content: bytes, *, where: Path, threads: int, profile: str = "") -> Any:
    """A session of onnxruntime on the CPU.

    Args:
        content: A checked file, see `akitsu.runtime.model_file.checked_content`.
        where: The file, for messages.
        threads: Of one operation.
        profile: A prefix of a file for notes; the graph is then run as it is written.

    Raises:
        ModelFileError: If onnxruntime cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, profile
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's own family has no common ancestor
        do = "check it with the program that wrote it"
        raise ModelFileError(first_line(error), where=where, do=do) from error


def inputs_for(session: Any, *, batch: int, input_hw: tuple[int, int], where: Path) -> Inputs:
    """Random inputs of the shapes that a session asks for; free sides take those given here.

    Raises:
        ModelFileError: If an input is of a kind that holds no numbers.
    """
    random = np.random.default_rng(0)
    inputs: Inputs = {}
    for node in session.get_inputs():
        if node.type not in NUMPY_TYPES:
            what = f"the input {node.name} is {node.type}"
            raise ModelFileError(what, where=where, do="bench a model that takes pictures")
        # Batch first; of pictures the channels are either second or last.
        rest = iter(input_hw)
        shape = [
            side if isinstance(side, int) else batch if axis == 0 else next(rest, 1)
            for axis, side in enumerate(node.shape)
        ]
        kind = NUMPY_TYPES[node.type]
        drawn = random.random(shape)
        scale = 255 if np.issubdtype(kind, np.integer) else 1
        inputs[node.name] = (drawn * scale).astype(kind)
    return inputs


def count_file(content: bytes, *, where: Path, batch: int, input_hw: tuple[int, int]) -> Figures:
    """Parameters, multiply-adds and activations of a file, from one run of it.

    Raises:
        ModelFileError: If it cannot be run with pictures of this size.
    """
    with tempfile.TemporaryDirectory() as folder:
        session = session_of(content, where=where, threads=1, profile=f"{folder}/notes")
        inputs = inputs_for(session, batch=batch, input_hw=input_hw, where=where)
        run(session, inputs, where=where)
        notes = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    nodes = [note["args"] for note in notes if note.get("cat") == "Node" and "args" in note]
    nodes = [node for node in nodes if "output_type_shape" in node]
    in_use = [int(node["mem_bytes_requested_in_use"]) for node in nodes if node.keys() >= _TELLS]
    given = sum(each.nbytes for each in inputs.values())
    return Figures(
        parameters=_weights(content),
        macs=sum(_macs(node) for node in nodes),
        peak_activation_bytes=given + max(in_use) if in_use else None,
    )


_TELLS = {"mem_bytes_requested_in_use"}


def run(session: Any, inputs: Inputs, *, where: Path) -> None:
    """One run.

    Raises:
        ModelFileError: If the graph does not take these inputs.
    """
    try:
        session.run(None, inputs)
    except Exception as error:
        shapes = ", ".join(str(list(each.shape)) for each in inputs.values())
        what = f"cannot be run on {shapes} ({first_line(error)})"
        raise ModelFileError(
            what, where=where, do="choose another --batch or --input-hw"
        ) from error


def _macs(node: dict[str, Any]) -> int:
    """Multiply-adds of one node from its shapes."""
    name = node["op_name"]
    shapes = [next(iter(each.values())) for each in node["input_type_shape"]]
    result = math.prod(next(iter(node["output_type_shape"][0].values())))
    if name in ("Conv", "ConvInteger", "FusedConv"):
        return int(result * math.prod(shapes[1][1:]))
    if name == "QLinearConv":
        return int(result * math.prod(shapes[3][1:]))
    if name == "ConvTranspose":
        return int(math.prod(shapes[0]) * math.prod(shapes[1][1:]))
    if name in ("MatMul", "MatMulInteger", "QLinearMatMul", "FusedMatMul"):
        return int(result * shapes[0][-1])
    if name in ("Gemm", "QGemm"):
        rows = next(iter(node["output_type_shape"][0].values()))[0]
        return int(result * math.prod(shapes[0]) // max(1, rows))
    return 0


def _weights(content: bytes) -> int:
    total = 0
    for number, graph in fields(memoryview(content)):
        if number != GRAPH or not isinstance(graph, memoryview):
            continue
        for inner, tensor in fields(graph):
            if inner == INITIALIZER and isinstance(tensor, memoryview):
                total += _elements(tensor)
    return total


def _elements(tensor: memoryview) -> int:
    """Numbers in a tensor of weights; a scalar is a setting and counts for none."""
    sides: list[int] = []
    kind = 0
    for number, value in fields(tensor):
        if number == DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == DIMS and isinstance(value, int):
            sides.append(value)
        elif number == DIMS and isinstance(value, memoryview):  # packed: one after the other
            at = 0
            while at < len(value):
                side, at = varint(value, at)
                sides.append(side)
    return math.prod(sides) if sides and kind in WEIGHT_TYPES else 0
