"""How far away: the pinhole camera, and what is known of the height of people.

A camera of focal length f pixels shows what is H metres high at distance d as f H / d pixels. One
camera cannot tell a near child from a tall man farther off: the interval says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from akitsu.runtime.camera import Camera, Z

EDGE = 0.01
"""Of the frame's height: a box this near to an edge may go on beyond it."""

BOX_ERROR = 0.05
"""Standard deviation of a box's height as a share of it: detectors miss feet and hair."""

PERSON = "person"
PERSON_M, PERSON_SPREAD_M = 1.65, 0.09
"""Mean and standard deviation over adults, men and women alike: about 1.71 and 1.59 m for those
born in 1996 (NCD Risk Factor Collaboration, eLife 2016;5:e13410), and 0.07 within each."""


@dataclass(frozen=True)
class Ruler:
    """Turns the height of a box into a distance.

    Attributes:
        camera: A calibrated camera, or a focal length in pixels of the frames at hand.
        height_m: Height of what is looked for, in metres.
        spread_m: Its standard deviation; 0 for one that is known.
        class_name: What has this height; None: whatever is detected.
    """

    camera: Camera | float
    height_m: float = PERSON_M
    spread_m: float = PERSON_SPREAD_M
    class_name: str | None = PERSON

    def measures(self, class_name: str) -> bool:
        """Whether things of this class have the ruler's height."""
        return self.class_name in (None, class_name)

    def distance(
        self, box: tuple[float, float, float, float], *, frame_hw: tuple[int, int]
    ) -> dict[str, float] | None:
        """Metres ahead of the camera, with a 95 % interval.

        Args:
            box: x0, y0, x1, y1 in pixels of the frame.
            frame_hw: Rows and columns of the frame.

        Returns:
            "value", "low" and "high"; None where the box reaches the upper or lower edge, since
            nobody knows how much of the person is beyond it.

        Raises:
            DataError: If the frame has another shape than the camera was calibrated with.
        """
        _, top, _, bottom = box
        if not is_whole(top, bottom, rows=frame_hw[0]):
            return None
        slope = self._slope(box, frame_hw)
        if slope <= 0:
            return None
        value = self.height_m / slope
        spread = math.hypot(self.spread_m / self.height_m, BOX_ERROR, self._focal_spread)
        low, high = value * math.exp(-Z * spread), value * math.exp(Z * spread)
        return {"value": round(value, 2), "low": round(low, 2), "high": round(high, 2)}

    def require_fit(self, frame_hw: tuple[int, int]) -> None:
        """Refuse frames that the camera was not calibrated for.

        Raises:
            DataError: If the frame has another shape than the camera was calibrated with.
        """
        if isinstance(self.camera, Camera):
            self.camera.require_fit(frame_hw)

    @property
    def _focal_spread(self) -> float:
        return self.camera.focal_spread if isinstance(self.camera, Camera) else 0.0

    def _slope(self, box: tuple[float, float, float, float], frame_hw: tuple[int, int]) -> float:
        """How high the box would be one metre ahead of the camera, in metres."""
        left, top, right, bottom = box
        if not isinstance(self.camera, Camera):
            return (bottom - top) / self.camera
        middle = (left + right) / 2
        ends = np.array([[middle, top], [middle, bottom]])
        head, feet = self.camera.directions(ends, frame_hw=frame_hw)
        return float(feet[1] - head[1])


def ruler_for(camera: Camera | float, height_m: float | None = None) -> Ruler:
    """A ruler for people; with a height for whatever is detected, which is then that high.

    Args:
        camera: A calibrated camera, or a focal length in pixels of the frames at hand.
        height_m: In metres; None: as high as adults are.
    """
    if height_m is None:
        return Ruler(camera)
    return Ruler(camera, height_m, spread_m=0.0, class_name=None)


def is_whole(top: float, bottom: float, *, rows: int) -> bool:
    """Whether a box from top to bottom keeps off the frame's upper and lower edge."""
    margin = EDGE * rows
    return margin < top < bottom < rows - margin
