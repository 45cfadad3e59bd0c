"""A camera from views of a chessboard (Zhang, 2000), or from a person of known height."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError
from akitsu.runtime.camera import Camera, Interval, Z
from akitsu.runtime.chessboard import Board
from akitsu.runtime.distance import BOX_ERROR
from akitsu.runtime.threads import opencv

FEWEST_VIEWS, ENOUGH_VIEWS, MOST_VIEWS = 5, 10, 40
"""Below the first there is no camera, below the second advice; more than the last add time only."""

ALIKE = 0.02
"""Of the picture's width: corners that moved less on average show nothing new."""

LEAST_TURN_DEG = 10.0
"""Of the board between two views. Boards that all face one way leave the focal length open: it can
be anything, with the board so much farther off (Zhang, section 3.3)."""

WORST_FOCAL = 0.1
"""Half an interval of the focal length, as a share of it: what is less sure is of no use."""

GOOD_FOCAL = 0.02
GOOD_ERROR_PX = 1.0
OUTSTANDING = 3.0
"""A view whose error is so many times the median one, and half a pixel, is named."""

REACHED = 0.6
"""Of width and height: the corners of all views together should span so much, since a lens bends
most at the picture's edge."""

TAPE_ERROR = 0.02
"""Standard deviation of a measured distance as a share of it: where in the camera is its lens?"""

# The third radial coefficient is for lenses that bend more than a view or two can tell.
FLAGS = ("CALIB_FIX_K3",)


@dataclass(frozen=True)
class View:
    """One picture of the board.

    Attributes:
        name: For messages.
        corners: (N, 2) float32 x, y in pixels, as `Board.find` gives them.
    """

    name: str
    corners: NDArray[np.float32]


class BoardViews:
    """Pictures of a board, those kept that show it at a new place.

    Attributes:
        kept: The views.
        size_hw: Rows and columns of the pictures; None before the first.
        seen: Pictures looked at.
        without_board: Pictures of those where no board was found.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.kept: list[View] = []
        self.size_hw: tuple[int, int] | None = None
        self.seen = self.without_board = 0

    def add(self, name: str, image: NDArray[np.uint8]) -> Literal["kept", "alike", "no board"]:
        """Look for the board in one more picture, (H, W, 3) RGB or grey.

        Raises:
            DataError: If it is not as large as the pictures before.
        """
        size_hw = (image.shape[0], image.shape[1])
        if self.size_hw is not None and self.size_hw != size_hw:
            height, width = self.size_hw
            raise DataError(
                f"this picture has {size_hw[1]} x {size_hw[0]} pixels, those before {width} x "
                f"{height}",
                where=name,
                do="take all pictures with one setting of one camera",
            )
        self.size_hw = size_hw
        self.seen += 1
        corners = self.board.find(image)
        if corners is None:
            self.without_board += 1
            return "no board"
        if any(self._is_alike(corners, view.corners) for view in self.kept):
            return "alike"
        self.kept.append(View(name, corners))
        return "kept"

    def _is_alike(self, corners: NDArray[np.float32], before: NDArray[np.float32]) -> bool:
        moved = np.linalg.norm(corners - before, axis=1).mean()
        return bool(moved < ALIKE * (self.size_hw or (0, 0))[1])


def calibrate(
    views: Sequence[View], *, board: Board, size_hw: tuple[int, int]
) -> tuple[Camera, list[str]]:
    """The camera that took these views.

    The intervals are those of the jackknife (Tukey, 1958): each view is left out once, so they
    hold what one view's corners have in common, such as a sheet that is not flat.

    Args:
        views: Five or more, the board turned and tilted differently in each; of more than 40, 40.
        board: What they show.
        size_hw: Rows and columns of the pictures.

    Returns:
        The camera, and what would make it better, a sentence each.

    Raises:
        DataError: If the views are too few, or too much alike.
    """
    if len(views) < FEWEST_VIEWS:
        raise DataError(
            f"{_count(len(views))} of the board, and a camera takes {FEWEST_VIEWS} or more",
            do="take 10 to 20, the board tilted to every side, near and far, in every corner",
        )
    chosen = [
        views[i]
        for i in np.linspace(0, len(views) - 1, min(len(views), MOST_VIEWS)).round().astype(int)
    ]
    fit = _fit(chosen, board, size_hw)
    turn_deg = _turn_deg(fit.rotations)
    others = [
        _fit([*chosen[:i], *chosen[i + 1 :]], board, size_hw, start=fit) for i in range(len(chosen))
    ]
    focal_px = _jackknife(fit.matrix[1, 1], [other.matrix[1, 1] for other in others])
    doubt = (focal_px["high"] - focal_px["low"]) / 2 / focal_px["value"]
    if turn_deg < LEAST_TURN_DEG or doubt > WORST_FOCAL or not math.isfinite(doubt):
        raise DataError(
            f"{_count(len(chosen))} that are too much alike: they leave the focal length open",
            do="tilt the board by 30 degrees to every side, near and far",
        )
    camera = Camera(
        size_hw=size_hw,
        matrix=fit.matrix,
        distortion=fit.distortion,
        focal_px=focal_px,
        error_px=_jackknife(fit.error_px, [other.error_px for other in others]),
        views=len(chosen),
        method="chessboard",
    )
    return camera, _advice(chosen, fit, doubt=doubt, size_hw=size_hw)


def from_person(
    heights_px: Sequence[float], *, height_m: float, distance_m: float, size_hw: tuple[int, int]
) -> Camera:
    """The camera that sees somebody of this height, at this distance, so large.

    Args:
        heights_px: Of the person's box, one for each picture.
        height_m: From the floor to the top of the head, in what is on the feet.
        distance_m: From the lens to the person.
        size_hw: Rows and columns of the pictures.

    Returns:
        A camera whose lens bends nothing and looks straight ahead. The interval holds boxes that
        are 5 % off, each for itself, and a distance that is 2 % off.
    """
    value = float(np.mean(heights_px)) * distance_m / height_m
    spread = math.hypot(BOX_ERROR / math.sqrt(len(heights_px)), TAPE_ERROR)
    height, width = size_hw
    matrix = np.array([[value, 0, (width - 1) / 2], [0, value, (height - 1) / 2], [0, 0, 1]])
    return Camera(
        size_hw=size_hw,
        matrix=matrix,
        distortion=np.zeros(5),
        focal_px=_rounded(value, value * math.exp(-Z * spread), value * math.exp(Z * spread)),
        error_px=None,
        views=len(heights_px),
        method="person",
    )


@dataclass(frozen=True)
class _Fit:
    matrix: NDArray[np.float64]
    distortion: NDArray[np.float64]
    rotations: list[NDArray[np.float64]]
    error_px: float
    errors_px: NDArray[np.float64]
    corners: NDArray[np.float32]


def _fit(
    views: Sequence[View], board: Board, size_hw: tuple[int, int], *, start: _Fit | None = None
) -> _Fit:
    cv2 = opencv()
    flags = sum(getattr(cv2, name) for name in FLAGS)
    matrix = distortion = None
    if start is not None:
        flags |= cv2.CALIB_USE_INTRINSIC_GUESS
        matrix, distortion = start.matrix.copy(), start.distortion.copy()
    corners = [view.corners.reshape(-1, 1, 2) for view in views]
    try:
        error_px, matrix, distortion, rotations, _, _, _, errors_px = cv2.calibrateCameraExtended(
            [board.points] * len(views), corners, size_hw[::-1], matrix, distortion, flags=flags
        )
    except cv2.error as error:
        raise DataError(
            f"{_count(len(views))} that no camera explains",
            do="look whether the board is flat and its inner corners are those of --board",
        ) from error
    return _Fit(
        matrix,
        distortion.ravel()[:5],
        [cv2.Rodrigues(rotation)[0] for rotation in rotations],
        float(error_px),
        errors_px.ravel(),
        np.concatenate([view.corners for view in views]),
    )


def _turn_deg(rotations: Sequence[NDArray[np.float64]]) -> float:
    """The largest angle between the ways that two boards face."""
    faces = np.stack([rotation[:, 2] for rotation in rotations])
    return float(np.degrees(np.arccos(np.clip((faces @ faces.T).min(), -1, 1))))


def _jackknife(value: float, left_out: Sequence[float]) -> Interval:
    n = len(left_out)
    deviations = np.asarray(left_out) - np.mean(left_out)
    half = _student(n - 1) * math.sqrt((n - 1) / n * float(deviations @ deviations))
    return _rounded(value, value - half, value + half)


def _student(freedom: int) -> float:
    """Standard deviations that hold 95 %: Abramowitz and Stegun, 26.7.5."""
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    return Z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def _rounded(value: float, low: float, high: float) -> Interval:
    low = max(low, 0.0)
    numbers = {"value": value, "low": low, "high": high}
    return {name: round(float(number), 4) for name, number in numbers.items()}


def _advice(
    views: Sequence[View], fit: _Fit, *, doubt: float, size_hw: tuple[int, int]
) -> list[str]:
    advice = []
    if len(views) < ENOUGH_VIEWS:
        advice.append(f"{_count(len(views))}: with {ENOUGH_VIEWS} to 20 the intervals get narrower")
    if doubt > GOOD_FOCAL:
        advice.append(
            f"the focal length is known to {doubt:.1%} only: tilt the board more, to every side"
        )
    spans = np.ptp(fit.corners, axis=0) / np.array(size_hw[::-1])
    if spans.min() < REACHED:
        advice.append(
            f"the board was seen in {spans.min():.0%} of the picture's "
            f"{'width' if spans.argmin() == 0 else 'height'}: hold it into every corner, too"
        )
    worst = int(fit.errors_px.argmax())
    if fit.errors_px[worst] > max(OUTSTANDING * np.median(fit.errors_px), GOOD_ERROR_PX / 2):
        advice.append(
            f"{views[worst].name} is off by {fit.errors_px[worst]:.2f} pixels, most others are not:"
            " leave it out if it is blurred"
        )
    if fit.error_px > GOOD_ERROR_PX:
        advice.append(
            f"corners are off by {fit.error_px:.1f} pixels: keep the board flat and the camera in "
            "focus, and mind that a fisheye lens is none that this fits"
        )
    return advice


def _count(views: int) -> str:
    return {0: "no view", 1: "1 view"}.get(views, f"{views} views")
