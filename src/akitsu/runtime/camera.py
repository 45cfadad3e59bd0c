"""A calibrated camera: its focal length, its middle, its lens, and the file that holds them.

The lens is that of Brown (1971) as OpenCV writes it: k1, k2, k3 radial, p1, p2 tangential.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError
from akitsu.files import read_json, write_json
from akitsu.runtime.threads import opencv

KIND, SCHEMA_VERSION = "camera", 1
COEFFICIENTS = ("k1", "k2", "p1", "p2", "k3")

ROUNDING_PX = 1.0
"""A frame made smaller has whole rows: so far its shape may be off."""

Z = 1.96
"""Standard deviations on either side that hold 95 %."""

Interval = dict[str, float]


@dataclass(frozen=True)
class Camera:
    """What turns pixels into directions.

    Attributes:
        size_hw: Rows and columns of the pictures that it was calibrated with.
        matrix: (3, 3) float64: focal lengths and middle in their pixels.
        distortion: (5,) float64: k1, k2, p1, p2, k3; zeros for a lens that bends nothing.
        focal_px: "value", "low" and "high" (95 %) of the focal length downwards, `matrix[1, 1]`.
        error_px: The same of the root mean square distance between corners as seen and as
            computed; None where no corners were used.
        views: How many views it was calibrated with.
        method: With a chessboard, or with a person of known height.
    """

    size_hw: tuple[int, int]
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    focal_px: Interval
    error_px: Interval | None
    views: int
    method: Literal["chessboard", "person"]

    @property
    def focal_spread(self) -> float:
        """Standard deviation of the focal length as a share of it."""
        width = self.focal_px["high"] - self.focal_px["low"]
        return width / (2 * Z * self.focal_px["value"])

    def require_fit(self, frame_hw: tuple[int, int]) -> None:
        """Refuse frames of another shape: something was cut off, and nobody knows on which side.

        Raises:
            DataError: If the frame is not the calibrated picture made larger or smaller.
        """
        (height, width), (rows, columns) = self.size_hw, frame_hw
        if abs(rows - height * columns / width) > ROUNDING_PX:
            raise DataError(
                f"frames of {columns} x {rows} do not have the shape of {width} x {height}, which "
                "the camera was calibrated with",
                do="set the camera to that shape, or calibrate it anew at this one",
            )

    def directions(
        self, points: NDArray[np.float64], *, frame_hw: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Where points of a frame lie when they are one metre in front of the camera.

        Args:
            points: (N, 2) x, y in pixels of the frame.
            frame_hw: Rows and columns of the frame; it may be larger or smaller than `size_hw`.

        Returns:
            (N, 2) metres rightwards and downwards of the middle, as without a lens.

        Raises:
            DataError: If the frame has another shape than the pictures calibrated with.
        """
        self.require_fit(frame_hw)
        height, width = self.size_hw
        scale = np.array([width / frame_hw[1], height / frame_hw[0]])
        calibrated = np.asarray(points, np.float64).reshape(-1, 1, 2) * scale
        straight = opencv().undistortPoints(calibrated, self.matrix, self.distortion)
        found: NDArray[np.float64] = straight.reshape(-1, 2)
        return found

    def to_json(self) -> dict[str, Any]:
        """The document of a camera's file."""
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "method": self.method,
            "views": self.views,
            "width": self.size_hw[1],
            "height": self.size_hw[0],
            "focal_px": self.focal_px,
            "reprojection_error_px": self.error_px,
            "matrix": [[float(number) for number in row] for row in self.matrix],
            "distortion": dict(
                zip(COEFFICIENTS, (float(number) for number in self.distortion), strict=True)
            ),
        }

    def write(self, path: Path, *, force: bool = False) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: If it exists and `force` is False, or the place cannot be written.
        """
        write_json(path, self.to_json(), force=force)


def read_camera(path: str | Path) -> Camera:
    """Read what `akitsu calibrate` wrote.

    Raises:
        OutputError: If there is no such file, or it is no JSON.
        DataError: If it is no camera's file, or its numbers cannot be a camera's.
    """
    path = Path(path)
    document = read_json(path)
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise _broken(path, "this is not the file of a camera")
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise _broken(path, f"schema_version is {version!r}, and {SCHEMA_VERSION} is what is read")
    fields = _Fields(path, document)
    method = document.get("method")
    if method not in ("chessboard", "person"):
        raise _broken(path, f"method is {method!r}, and not chessboard or person")
    has_error = document.get("reprojection_error_px") is not None
    return Camera(
        size_hw=(fields.whole("height"), fields.whole("width")),
        matrix=fields.matrix(),
        distortion=fields.distortion(),
        focal_px=fields.interval("focal_px", above=0.0),
        error_px=fields.interval("reprojection_error_px", above=-1.0) if has_error else None,
        views=fields.whole("views"),
        method=method,
    )


class _Fields:
    """The parts of a document, each looked at before it is believed."""

    def __init__(self, path: Path, document: dict[str, Any]) -> None:
        self._path, self._document = path, document

    def whole(self, name: str) -> int:
        value = self._document.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100_000:
            raise _broken(self._path, f"{name} is {value!r}, and not a whole number above 0")
        return value

    def interval(self, name: str, *, above: float) -> Interval:
        value = self._document.get(name)
        if isinstance(value, dict):
            numbers = self._numbers([value.get(part) for part in ("low", "value", "high")])
            if numbers is not None and above < numbers[0] <= numbers[1] <= numbers[2]:
                return {part: float(value[part]) for part in ("value", "low", "high")}
        raise _broken(self._path, f"{name} does not have low, value and high in that order")

    def matrix(self) -> NDArray[np.float64]:
        rows = self._document.get("matrix")
        rows = rows if isinstance(rows, list) else []
        flat = [n for row in rows if isinstance(row, list) and len(row) == 3 for n in row]
        numbers = self._numbers(flat)
        if numbers is not None and len(numbers) == 9 and len(rows) == 3:
            matrix = numbers.reshape(3, 3)
            is_upright = np.array_equal(matrix[[0, 1, 2, 2, 2], [1, 0, 0, 1, 2]], [0, 0, 0, 0, 1])
            if is_upright and matrix[0, 0] > 0 and matrix[1, 1] > 0:
                return matrix
        raise _broken(self._path, "matrix is not [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]")

    def distortion(self) -> NDArray[np.float64]:
        value = self._document.get("distortion")
        numbers = None
        if isinstance(value, dict):
            numbers = self._numbers([value.get(name) for name in COEFFICIENTS])
        if numbers is None:
            raise _broken(self._path, f"distortion lacks a number of {', '.join(COEFFICIENTS)}")
        return numbers

    def _numbers(self, values: list[Any]) -> NDArray[np.float64] | None:
        if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
            return None
        try:
            numbers = np.array(values, np.float64)
        except OverflowError:  # JSON's whole numbers have no end
            return None
        return numbers if np.isfinite(numbers).all() else None


def _broken(path: Path, what: str) -> DataError:
    return DataError(what, where=path, do="write it anew with akitsu calibrate")
