"""The chessboard that a camera is calibrated with: drawn at true size, and found in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, OutputError
from akitsu.files import whole_file
from akitsu.runtime.frames import with_channels
from akitsu.runtime.threads import opencv

A4_MM = (210, 297)
"""Rows and columns of a sheet on its side (ISO 216)."""

DOTS_A_MM = 10
"""254 dots an inch: every edge falls on a whole dot."""

MARGIN_MM = 16
"""White around the squares: finding them needs it, printers leave it, and the text stands there."""

LOOKED_AT_PX = 800
"""Longer sides are shrunk to it for finding the board, which takes seconds otherwise."""

WRITTEN_AS = {".pdf": "PDF", ".png": "PNG"}

RULE_MM = 100
"""Length of the line to hold a ruler to."""


@dataclass(frozen=True)
class Board:
    """A chessboard by its inner corners, where four squares meet.

    Attributes:
        columns: Inner corners in a row.
        rows: Inner corners in a column. One number shall be even and one odd, or a board that
            stands on its head looks the same.
    """

    columns: int = 9
    rows: int = 6

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"

    @property
    def square_mm(self) -> int:
        """The side of a square on paper: the largest whole number that fits on A4."""
        height, width = (side - 2 * MARGIN_MM for side in A4_MM)
        return min(height // (self.rows + 1), width // (self.columns + 1))

    @property
    def points(self) -> NDArray[np.float32]:
        """(N, 3) the corners on the board, row by row, in squares; the third number is 0."""
        rows, columns = np.mgrid[: self.rows, : self.columns]
        flat = [columns.ravel(), rows.ravel(), np.zeros(rows.size)]
        return np.stack(flat, axis=1).astype(np.float32)

    def find(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """The corners in a picture, (N, 2) x, y in pixels, row by row; None without the board.

        By Duda and Frese, "Accurate detection and localization of checkerboard corners for
        calibration" (BMVC 2018), as OpenCV has it.

        Args:
            image: (H, W, 3) RGB or grey, uint8.
        """
        cv2 = opencv()
        grey = np.ascontiguousarray(with_channels(image, 1)[:, :, 0])
        height, width = grey.shape
        shrink = min(1.0, LOOKED_AT_PX / max(height, width))
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if shrink < 1 else grey
        pattern = (self.columns, self.rows)
        is_found, seen = cv2.findChessboardCornersSB(small, pattern, cv2.CALIB_CB_NORMALIZE_IMAGE)
        if not is_found or seen is None:
            return None
        corners: NDArray[np.float32] = seen.reshape(-1, 2)
        return _refined(grey, corners, scale=1 / shrink) if shrink < 1 else corners

    def drawn(self) -> NDArray[np.uint8]:
        """The sheet, (2100, 2970) grey, ten dots a millimetre: squares, a 100 mm line, text."""
        from PIL import Image, ImageDraw, ImageFont

        height, width = (side * DOTS_A_MM for side in A4_MM)
        side = self.square_mm * DOTS_A_MM
        image = Image.new("L", (width, height), 255)
        pen = ImageDraw.Draw(image)
        top = (height - side * (self.rows + 1)) // 2
        left = (width - side * (self.columns + 1)) // 2
        for row in range(self.rows + 1):
            for column in range(row % 2, self.columns + 1, 2):
                x, y = left + column * side, top + row * side
                pen.rectangle((x, y, x + side - 1, y + side - 1), fill=0)
        line = height - 6 * DOTS_A_MM
        end = left + RULE_MM * DOTS_A_MM
        pen.line((left, line, end, line), fill=0, width=3)
        for x in (left, end):
            pen.line((x, line - 15, x, line + 15), fill=0, width=3)
        text = (
            f"This line is {RULE_MM} mm long if the sheet is printed at 100 %. "
            f"Squares of {self.square_mm} mm, {self.columns} x {self.rows} inner corners (akitsu)."
        )
        font = ImageFont.load_default(32)
        pen.text((end + 40, line), text, fill=0, font=font, anchor="lm")
        return np.asarray(image)

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the sheet as .pdf or .png; both say how large it is on paper.

        Raises:
            OutputError: If the name is neither, the file exists and `force` is False, or the place
                cannot be written.
        """
        kind = WRITTEN_AS.get(path.suffix.lower())
        if kind is None:
            raise OutputError(
                f"a chessboard is not written as {path.suffix or 'a file without suffix'}",
                where=path,
                do="name a .pdf or a .png file",
            )
        from PIL import Image

        dots_an_inch = DOTS_A_MM * 25.4
        # One bit a dot: nothing is grey, and nothing is lost when it is packed.
        image = Image.fromarray(self.drawn()).convert("1", dither=Image.Dither.NONE)
        with whole_file(path, force=force) as temporary:
            if kind == "PDF":
                image.save(temporary, kind, resolution=dots_an_inch, title="Chessboard of akitsu")
            else:
                image.save(temporary, kind, dpi=(dots_an_inch, dots_an_inch))


def _refined(
    grey: NDArray[np.uint8], corners: NDArray[np.float32], *, scale: float
) -> NDArray[np.float32]:
    """Corners found in a smaller copy, looked for again in the picture (Förstner, 1987)."""
    cv2 = opencv()
    # Pixels are counted from the middle of the first.
    rough = ((corners + 0.5) * scale - 0.5).astype(np.float32)
    steps = np.linalg.norm(np.diff(rough, axis=0), axis=1)
    reach = int(np.clip(steps.min() / 4, 3, 15))
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-3)
    fine = cv2.cornerSubPix(grey, rough.reshape(-1, 1, 2), (reach, reach), (-1, -1), until)
    found: NDArray[np.float32] = fine.reshape(-1, 2)
    return found


def board_of(text: str) -> Board:
    """The board that "9x6" names: inner corners in a row and in a column.

    Raises:
        DataError: If it names none that can be found whichever way it is held.

    Example:
        >>> board_of("9x6").square_mm
        25
    """
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise DataError(f"{text!r} is no board", do="write inner corners as in 9x6")
    columns, rows = (int(part) for part in parts)
    if not 3 <= min(columns, rows) <= max(columns, rows) <= 30:
        raise DataError(f"a board of {text} is not looked for", do="choose 3 to 30 inner corners")
    if columns % 2 == rows % 2:
        what = f"a board of {text} looks the same on its head"
        raise DataError(what, do="choose one even and one odd number, as in 9x6")
    return Board(columns, rows)
