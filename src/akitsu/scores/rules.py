"""The rules by which detectors are judged: COCO's, and Pascal VOC's before and since 2010."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import RecipeError, nearest


@dataclass(frozen=True)
class Rule:
    """One way to match detections with boxes, and to make one number of a curve.

    Average precision is a mean of the best precision at a recall or beyond. The rules differ in
    which recalls they ask about, and in who may take which box.

    Attributes:
        name: As it is asked for.
        title: In words, behind "average precision by".
        recalls: How many recalls from 0 to 1 are asked about; None: all, the area under the curve.
        only_free: Whether a detection takes the best box that is still free (COCO). By VOC's rule
            it has one chance, the box that it overlaps most, and is wrong if that one is taken.
        most: Detections of one class in one picture that are judged, the best ones; None: all.
    """

    name: str
    title: str
    recalls: int | None
    only_free: bool
    most: int | None

    def share(self, recall: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of all recalls asked about that lie at or below these."""
        if self.recalls is None:
            return recall
        asked = np.linspace(0, 1, self.recalls)
        reached = np.searchsorted(asked, recall.ravel(), side="right").reshape(recall.shape)
        return reached / self.recalls


def rule(name: str) -> Rule:
    """The rule called `name`.

    Raises:
        RecipeError: If there is none.
    """
    if name not in RULES:
        choices = "choose one of " + ", ".join(RULES)
        raise RecipeError(f"there is no rule {name!r}", do=nearest(name, RULES, otherwise=choices))
    return RULES[name]


COCO = Rule("coco", "COCO, 101 recalls", recalls=101, only_free=True, most=100)
VOC07 = Rule("voc07", "VOC 2007, 11 recalls", recalls=11, only_free=False, most=None)
VOC10 = Rule(
    "voc10", "VOC since 2010, area under the curve", recalls=None, only_free=False, most=None
)
RULES = {each.name: each for each in (COCO, VOC07, VOC10)}
