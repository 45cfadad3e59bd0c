"""How far away: the pinhole camera, and what is known of the height of people.

A camera of focal length f pixels shows what is H metres high at distance d as f H / d pixels. One
camera cannot tell a near child from a tall man farther off: the interval says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

EDGE = 0.01
"""Of the frame's height: a box this near to an edge may go on beyond it."""

BOX_ERROR = 0.05
"""Standard deviation of a box's height as a share of it: detectors miss feet and hair."""

PERSON = "person"
PERSON_M, PERSON_SPREAD_M = 1.65, 0.09
"""Mean and standard deviation over adults, men and women alike: about 1.71 and 1.59 m for those
born in 1996 (NCD Risk Factor Collaboration, eLife 2016;5:e13410), and 0.07 within each."""

Z = 1.96
"""Standard deviations on either side that hold 95 %."""


@dataclass(frozen=True)
class Ruler:
    """Turns the height of a box into a distance.

    Attributes:
        focal_px: Focal length in pixels of the frames at hand.
        height_m: Height of what is looked for, in metres.
        spread_m: Its standard deviation; 0 for one that is known.
        class_name: What has this height; None: whatever is detected.
    """

    focal_px: float
    height_m: float = PERSON_M
    spread_m: float = PERSON_SPREAD_M
    class_name: str | None = PERSON

    def measures(self, class_name: str) -> bool:
        """Whether things of this class have the ruler's height."""
        return self.class_name in (None, class_name)

    def distance(self, top: float, bottom: float, *, frame_height: int) -> dict[str, float] | None:
        """Metres, with a 95 % interval.

        Args:
            top, bottom: Of the box, in pixels.
            frame_height: Rows of the frame.

        Returns:
            "value", "low" and "high"; None where the box reaches an edge, since nobody knows how
            much of the person is beyond it.
        """
        margin = EDGE * frame_height
        if top <= margin or bottom >= frame_height - margin or bottom <= top:
            return None
        value = self.focal_px * self.height_m / (bottom - top)
        spread = math.hypot(self.spread_m / self.height_m, BOX_ERROR)
        low, high = value * math.exp(-Z * spread), value * math.exp(Z * spread)
        return {"value": round(value, 2), "low": round(low, 2), "high": round(high, 2)}


def ruler_for(focal_px: float, height_m: float | None = None) -> Ruler:
    """A ruler for people; with a height for whatever is detected, which is then that high.

    Args:
        focal_px: Focal length in pixels of the frames at hand.
        height_m: In metres; None: as high as adults are.
    """
    if height_m is None:
        return Ruler(focal_px)
    return Ruler(focal_px, height_m, spread_m=0.0, class_name=None)
