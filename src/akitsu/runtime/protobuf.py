"""The fields of a protobuf message, without the package of that name: it is not on the robot.

The encoding is that of protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED_64, BYTES, FIXED_32 = 0, 1, 2, 5
"""Wire types; the two of groups (3, 4) do not occur in ONNX."""


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message in their order: number, and its whole number or its bytes.

    Raises:
        ValueError: If these bytes are no protobuf message.
    """
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == VARINT:
            value, at = varint(message, at)
            yield number, value
            continue
        if wire_type == BYTES:
            size, at = varint(message, at)
        elif wire_type in (FIXED_32, FIXED_64):
            size = 4 if wire_type == FIXED_32 else 8
        else:
            raise ValueError(f"wire type {wire_type} at byte {at}")
        if at + size > len(message):
            raise ValueError("cut off")
        yield number, message[at : at + size]
        at += size


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """The whole number at byte `at`, seven bits a byte, the lowest first; and where it ends.

    Raises:
        ValueError: If it does not end, or is longer than 64 bits.
    """
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
