"""Does an ONNX file keep weights in other files? Asked of its bytes, before anything opens them.

An external tensor names a path, and a file from a stranger could name any. The package onnx is not
on the robot, so this walks the fields of onnx.proto3 that can hold a tensor.
"""

from __future__ import annotations

from akitsu.runtime.protobuf import fields

# Message to field number to the message that stands there; numbers as in onnx.proto3 (IR 13).
CHILDREN = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14
"""Fields of a tensor: where its values lie outside, and whether (0 is within the file)."""


def uses_external_data(content: bytes) -> bool:
    """Whether any tensor of the model lies outside the file.

    Args:
        content: The whole file.

    Raises:
        ValueError: If these bytes are no protobuf message.
    """
    return _has_external(memoryview(content), "model")


def _has_external(message: memoryview, kind: str) -> bool:
    for number, value in fields(message):
        if kind == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value)):
            return True
        child = CHILDREN[kind].get(number)
        if child is not None and isinstance(value, memoryview) and _has_external(value, child):
            return True
    return False
