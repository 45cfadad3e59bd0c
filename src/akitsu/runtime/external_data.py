"""Does an ONNX file keep weights in other files? Asked of its bytes, before anything opens them.

An external tensor names a path, and a file from a stranger could name any. The package onnx is not
on the robot, so this walks the protobuf encoding (protobuf.dev/programming-guides/encoding) along
the fields of onnx.proto3 that can hold a tensor.
"""

from __future__ import annotations

from collections.abc import Iterator

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

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
"""Wire types; the two of groups (3, 4) do not occur in ONNX."""


def uses_external_data(content: bytes) -> bool:
    """Whether any tensor of the model lies outside the file.

    Args:
        content: The whole file.

    Raises:
        ValueError: If these bytes are no protobuf message.
    """
    return _has_external(memoryview(content), "model")


def _has_external(message: memoryview, kind: str) -> bool:
    for number, value in _fields(message):
        if kind == "tensor" and (number == EXTERNAL_DATA or (number == DATA_LOCATION and value)):
            return True
        child = CHILDREN[kind].get(number)
        if child is not None and isinstance(value, memoryview) and _has_external(value, child):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: number, and its whole number or its bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if wire_type == BYTES:
            size, at = _varint(message, at)
        elif wire_type in (FIXED_32, FIXED_64):
            size = 4 if wire_type == FIXED_32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")
        if at + size > len(message):
            raise ValueError("cut off")
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, the lowest first; and where the next field starts."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("cut off")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number of more than 64 bits at byte {at}")
