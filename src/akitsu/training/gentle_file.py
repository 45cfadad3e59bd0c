"""A file written beside a training that computes: in pieces, with rests, hashed on the way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from time import monotonic
from typing import BinaryIO

# What is written at once. While a thread writes and hashes it, other threads compute; but where
# each core has a computing thread, one of them waits, and with it all that share its work.
PIECE = 1 << 19

Rest = Callable[[float], object]


def no_rest(worked_s: float) -> None:
    """Write on at once."""


class GentleFile:
    """Takes what `torch.save` writes.

    Args:
        file: Open for writing.
        rest: Is called after each piece with the seconds that it took, and may wait.

    Attributes:
        digest: SHA-256 of all that was written.
    """

    def __init__(self, file: BinaryIO, *, rest: Rest = no_rest) -> None:
        self.digest = hashlib.sha256()
        self._file, self._rest = file, rest

    def write(self, data: bytes) -> int:
        """Write all of it."""
        view = memoryview(data).cast("B")
        for first in range(0, len(view), PIECE):
            started_at_s = monotonic()
            piece = view[first : first + PIECE]
            self._file.write(piece)
            self.digest.update(piece)
            self._rest(monotonic() - started_at_s)
        return len(view)

    def flush(self) -> None:
        """Hand all that was written to the system."""
        self._file.flush()
