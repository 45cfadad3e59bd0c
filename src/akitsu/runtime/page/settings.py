"""What the page shows of a result: from which score on, and which classes; for all viewers."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from akitsu.errors import AkitsuError, nearest
from akitsu.runtime.drawing import IGNORE
from akitsu.runtime.results import Classification, Detections, Result, Segmentation


@dataclass(frozen=True)
class Settings:
    """What is drawn.

    Attributes:
        threshold: Detections, or a picture's class, below this score are left out; 0 to 1.
        hidden: Names of the classes that are left out.
    """

    threshold: float
    hidden: frozenset[str] = frozenset()

    def changed(self, wishes: Any, *, classes: tuple[str, ...], floor: float) -> Settings:
        """These settings with what a page asks for.

        Args:
            wishes: An object with "threshold", "hidden" or both, as JSON brought it.
            classes: The names that there are.
            floor: The lowest threshold.

        Raises:
            AkitsuError: If it is no such object.
        """
        if not isinstance(wishes, dict) or not wishes.keys() <= {"threshold", "hidden"}:
            raise AkitsuError("these are no settings", do="send threshold, hidden or both")
        settings = self
        if "threshold" in wishes:
            threshold = _threshold(wishes["threshold"], floor)
            settings = replace(settings, threshold=threshold)
        if "hidden" in wishes:
            settings = replace(settings, hidden=_names(wishes["hidden"], classes))
        return settings

    def apply(self, result: Result) -> Result | None:
        """What is to be drawn of a result; None for nothing at all."""
        if isinstance(result, Detections):
            shown = np.array([name not in self.hidden for name in result.classes])
            return result.where((result.scores >= self.threshold) & shown[result.labels])
        if isinstance(result, Classification):
            is_shown = result.score >= self.threshold and result.name not in self.hidden
            return result if is_shown else None
        unseen = [i for i, name in enumerate(result.classes) if name in self.hidden]
        if not unseen:
            return result
        mask = np.where(np.isin(result.mask, unseen), np.uint8(IGNORE), result.mask)
        return Segmentation(result.classes, mask)


def by_class(result: Result, threshold: float) -> dict[str, str]:
    """Of each class what there is, hidden or not: boxes, probability, or share of the picture."""
    if isinstance(result, Detections):
        labels = result.labels[result.scores >= threshold].tolist()
        return {result.classes[label]: str(n) for label, n in Counter(labels).items()}
    if isinstance(result, Classification):
        parts = dict(zip(result.classes, result.probabilities.tolist(), strict=True))
    else:
        parts = result.shares()
    return {name: f"{part:.0%}" for name, part in parts.items() if part >= 0.005}


def _threshold(value: Any, floor: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= 1:
        raise AkitsuError(f"the threshold is {value!r}", do="send a number from 0 to 1")
    return max(float(value), floor)


def _names(value: Any, classes: tuple[str, ...]) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise AkitsuError("the hidden classes are no list of names", do="send names of classes")
    for name in value:
        if name not in classes:
            advice = nearest(name, classes, otherwise=f"choose of {', '.join(classes[:20])}")
            raise AkitsuError(f"this model knows no class {name!r}", do=advice)
    return frozenset(value)
