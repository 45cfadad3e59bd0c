"""Views of a chessboard through a camera that is known to the last digit."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from akitsu.runtime.calibration import View
from akitsu.runtime.chessboard import DOTS_A_MM, Board

BOARD = Board()
SIZE_HW = (480, 640)
MATRIX = np.array([[540.0, 0, 331], [0, 545.0, 228], [0, 0, 1]])
DISTORTION = np.array([-0.25, 0.09, 0.001, -0.0008, 0.0])
FINE = 2  # rays a pixel and side: edges are grey as a sensor's


def poses(count: int, *, tilt_deg: float = 35.0, seed: int = 0) -> list[tuple]:
    """Rotation and translation, in squares, of boards that are whole in the picture."""
    rng = np.random.default_rng(seed)
    middle = BOARD.points.mean(axis=0)
    found: list[tuple] = []
    while len(found) < count:
        tilt = rng.uniform(-tilt_deg, tilt_deg, 2) if tilt_deg else np.zeros(2)
        rotation = cv2.Rodrigues(np.radians([*tilt, rng.uniform(-20, 20)]))[0]
        centre = np.array([rng.uniform(-5, 5), rng.uniform(-4, 4), rng.uniform(10, 18)])
        translation = centre - rotation @ middle
        corners = project(rotation, translation)
        if (corners > 45).all() and (corners < np.array(SIZE_HW[::-1]) - 45).all():
            found.append((rotation, translation))
    return found


def project(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """The board's corners in the picture."""
    seen, _ = cv2.projectPoints(BOARD.points, rotation, translation, MATRIX, DISTORTION)
    return seen.reshape(-1, 2).astype(np.float32)


def views(
    count: int, *, noise_px: float = 0.1, tilt_deg: float = 35.0, seed: int = 0
) -> list[View]:
    """Corners as a finder gives them, each a little off."""
    rng = np.random.default_rng(seed + 1000)
    return [
        View(f"{i}.png", project(*pose) + rng.normal(0, noise_px, (54, 2)).astype(np.float32))
        for i, pose in enumerate(poses(count, tilt_deg=tilt_deg, seed=seed))
    ]


def rendered(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """(H, W) uint8: the printed sheet as the camera sees it."""
    sheet = BOARD.drawn()
    square = BOARD.square_mm * DOTS_A_MM
    margin_yx = [(sheet.shape[0] - 7 * square) / 2, (sheet.shape[1] - 10 * square) / 2]
    plane = np.stack([rotation[:, 0], rotation[:, 1], translation], axis=1)
    on_board = _rays() @ np.linalg.inv(plane).T
    squares = on_board[..., :2] / on_board[..., 2:]
    dots = ((squares + 1) * square + margin_yx[::-1] - 0.5).astype(np.float32)
    fine = cv2.remap(sheet, dots, None, cv2.INTER_LINEAR, borderValue=90)
    return cv2.resize(fine, SIZE_HW[::-1], interpolation=cv2.INTER_AREA)


@cache
def _rays() -> np.ndarray:
    """(H, W, 3) where each fine pixel looks, the lens undone."""
    rows, columns = ((np.arange(side * FINE) + 0.5) / FINE - 0.5 for side in SIZE_HW)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2)
    enough = (cv2.TERM_CRITERIA_COUNT, 10, 0)
    straight = cv2.undistortPointsIter(pixels, MATRIX, DISTORTION, None, None, enough)
    rays = cv2.convertPointsToHomogeneous(straight.reshape(-1, 2))
    return rays.reshape(SIZE_HW[0] * FINE, SIZE_HW[1] * FINE, 3)
