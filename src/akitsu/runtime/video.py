"""A recording of what was seen: an .mp4 that stands whole at its place when it is done."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import OutputError
from akitsu.files import whole_file
from akitsu.runtime.frames import with_channels
from akitsu.runtime.letterbox import letterbox
from akitsu.runtime.threads import opencv

DEFAULT_FPS = 25.0
LONGEST_GAP_S = 60.0
"""A longer silence of the camera is cut short: a night without frames must not fill the disk."""


class Recorder:
    """Writes frames into a video; a context manager that finishes it however the block ends.

    Attributes:
        path: Where the recording stands when it is closed.
        written: Frames in it.
    """

    def __init__(self, path: str | Path, *, fps: float | None = None, force: bool = False) -> None:
        """Check the place; the file begins with the first frame.

        Args:
            path: An `.mp4` file.
            fps: Frames a second; None takes 25.
            force: Replace a file that stands there already.

        Raises:
            OutputError: If the name is no .mp4, the file exists and `force` is False, or the place
                cannot be written.
        """
        self.path, self.written = Path(path), 0
        if self.path.suffix.lower() != ".mp4":
            raise OutputError(
                f"recordings are not written as {self.path.suffix or 'a file without suffix'}",
                where=self.path,
                do="name a .mp4 file",
            )
        self._fps = fps or DEFAULT_FPS
        self._writer: Any = None
        self._size_hw = (0, 0)
        self._last_s: float | None = None
        self._owed = 0.0
        self._stack = ExitStack()
        self._temporary = self._stack.enter_context(whole_file(self.path, force=force))

    def write(self, image: NDArray[np.uint8], *, captured_at_s: float | None = None) -> None:
        """Add a frame; pictures of another size than the first are fitted into it.

        Args:
            image: (H, W, 3) RGB uint8, or grey.
            captured_at_s: Of a live frame: it is repeated, or left out, so that the recording
                plays at the speed of what happened. None: written once.

        Raises:
            OutputError: If OpenCV cannot write such a video.
            ShapeError: If the image is no frame.
        """
        cv2 = opencv()
        colour = with_channels(image, 3)
        if self._writer is None:
            self._open(colour.shape[0], colour.shape[1])
        fitted, _ = letterbox(colour, self._size_hw, pad_value=0)
        bgr = cv2.cvtColor(fitted, cv2.COLOR_RGB2BGR)
        for _ in range(self._places(captured_at_s)):
            self._writer.write(bgr)
            self.written += 1

    def close(self) -> None:
        """Finish the file and put it at its place; without a frame there is none."""
        if self._writer is None:
            self._discard()
            return
        self._writer.release()
        self._writer = None
        self._stack.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, height: int, width: int) -> None:
        cv2 = opencv()
        # MPEG-4 wants even sides.
        self._size_hw = (max(2, height // 2 * 2), max(2, width // 2 * 2))
        rows, columns = self._size_hw
        code = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(self._temporary), code, self._fps, (columns, rows))
        if not writer.isOpened():
            self._discard()
            raise OutputError(
                f"OpenCV cannot write a video of {columns} x {rows}",
                where=self.path,
                do="free some disk space, or choose another place",
            )
        self._writer = writer

    def _places(self, captured_at_s: float | None) -> int:
        """How many times this frame is written; what is left over is owed to the next."""
        if captured_at_s is None or self._last_s is None:
            self._last_s = captured_at_s
            return 1
        gap_s = min(max(captured_at_s - self._last_s, 0.0), LONGEST_GAP_S)
        self._last_s = captured_at_s
        self._owed += gap_s * self._fps
        places = int(self._owed)
        self._owed -= places
        return places

    def _discard(self) -> None:
        """Leave no file: `whole_file` clears up behind a block that fails."""
        failure = OutputError("there was no frame", where=self.path, do="record one first")
        self._stack.__exit__(type(failure), failure, None)
