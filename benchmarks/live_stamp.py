"""A picture that says when it was taken, in blocks that JPEG and H.264 leave readable.

Thirty-two blocks, black or white, are the tenths of a millisecond of the machine's monotonic
clock, and as many more are the same turned over, so that a picture which cannot be read is known
for one. What is drawn needs no NumPy: the Python of Debian's GStreamer has none.
"""

from __future__ import annotations

import time
from typing import Any

HEIGHT, WIDTH = 240, 320
BLOCK, BITS, ACROSS = 16, 32, 16
RANGE = 1 << BITS


def now_ms() -> float:
    """Of a clock that all processes of the machine share, since it was switched on."""
    return time.monotonic_ns() / 1_000_000


def drawn(milliseconds: float) -> bytes:
    """(HEIGHT, WIDTH) grey values: the stamp above, and below it something that moves."""
    lines = []
    tenths = int(10 * milliseconds) % RANGE
    for value in (tenths, ~tenths):
        bits = [value >> place & 1 for place in range(BITS)]
        for start in range(0, BITS, ACROSS):
            row = b"".join((b"\xff" if bit else b"\0") * BLOCK for bit in bits[start:][:ACROSS])
            lines += [row.ljust(WIDTH, b"\x80")] * BLOCK
    ramp = bytes(range(0, 256, 2)) * (1 + 2 * WIDTH // 128)
    start = int(milliseconds) // 8 % 128
    lines += [ramp[start : start + WIDTH]] * (HEIGHT - len(lines))
    return b"".join(lines)


def read(image: Any) -> float | None:
    """The milliseconds in a (HEIGHT, WIDTH, 3) picture; None where they cannot be read."""
    if image.shape[:2] != (HEIGHT, WIDTH):
        return None
    middle = BLOCK // 2
    rows = 2 * BITS // ACROSS
    dots = image[middle : rows * BLOCK : BLOCK, middle : ACROSS * BLOCK : BLOCK, 1].reshape(-1)
    bits = [int(dot) > 127 for dot in dots]
    value, turned = (
        sum(1 << place for place, bit in enumerate(half) if bit)
        for half in (bits[:BITS], bits[BITS:])
    )
    if value ^ turned != RANGE - 1:
        return None
    # Of the moments that end so, which the clock shows again every five days, the one before now.
    now_tenths = int(10 * now_ms())
    return (now_tenths - (now_tenths - value) % RANGE) / 10
