"""What kind of mistake each false detection and each missed box is (TIDE, arXiv:2008.08115)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.results import Detections
from akitsu.scores.matching import IOU_THRESHOLDS, Matches, Verdicts, iou

# In the order in which they are tried (section 2.2); the last is no detection but a box.
KINDS = (
    "poor_overlap",
    "wrong_class",
    "duplicate",
    "background",
    "wrong_class_and_overlap",
    "missed",
)
OVERLAP, CLASS, RIGHT = 0, 1, -1
# From here on a detection is on a box, and below that it has nothing to do with it.
ON, OFF = float(IOU_THRESHOLDS[0]), 0.1


@dataclass(frozen=True)
class Mistakes:
    """The D detections of one picture that count, best score first, and the boxes that were missed.

    Attributes:
        scores: (D,) falling.
        labels: (D,) classes.
        kinds: (D,) index into `KINDS`, -1 for none.
        mendable: (D,) bool: the best of those that would find the same box, if only overlap or
            class were right, and that nobody else has found.
        meant: (D,) class of the box that the detection lies on or nearest to.
        boxes: Classes of the boxes to be found.
        missed: Classes of those that no detection found and that none would find if mended.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    kinds: NDArray[np.int64]
    mendable: NDArray[np.bool_]
    meant: NDArray[np.int64]
    boxes: NDArray[np.int64]
    missed: NDArray[np.int64]

    def count(self, kind: str) -> int:
        """How many mistakes there are of one kind."""
        if kind == "missed":
            return len(self.missed)
        return int((self.kinds == KINDS.index(kind)).sum())

    def verdicts(self, *, mended: str | None = None) -> dict[int, Verdicts]:
        """What the picture counts by class, at IoU .5, if all mistakes of one kind were mended.

        A detection of poor overlap or of the wrong class becomes right, if it is the best for
        its box; any other is taken away. Missed boxes are no longer asked for (section 2.3).
        """
        this = self.kinds == (KINDS.index(mended) if mended else len(KINDS))
        kept = ~this | self.mendable
        labels = np.where(this & self.mendable, self.meant, self.labels)
        right = (self.kinds == RIGHT) | (this & self.mendable)
        missed = self.missed if mended == "missed" else self.missed[:0]
        found = {}
        for label in sorted({*labels[kept].tolist(), *self.boxes.tolist()}):
            of_class = kept & (labels == label)
            boxes = int((self.boxes == label).sum() - (missed == label).sum())
            verdict = right[None, of_class]
            found[label] = Verdicts(self.scores[of_class], verdict, np.zeros_like(verdict), boxes)
        return found


def find_mistakes(
    result: Detections,
    boxes: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    difficult: NDArray[np.bool_],
    matches: Mapping[int, Matches],
    least: float,
) -> Mistakes:
    """Name the mistakes of one picture.

    Args:
        result: What was detected.
        boxes: (N, 4) XYXY truth.
        labels: (N,) their classes.
        difficult: (N,) boxes that need not be found.
        matches: The verdicts on the classes of this picture.
        least: Detections of a lower score are as if they were not there.
    """
    rows, found = _counted(result, labels, matches, least)
    seen, easy = result.labels[rows], ~difficult
    # One box more, far from everything: so a picture without boxes needs no path of its own.
    classes = np.append(labels, -1).astype(np.int64)
    used = np.append(np.zeros(len(boxes), np.bool_), True)
    used[found[found >= 0]] = True
    overlaps = np.pad(iou(result.boxes[rows], boxes) * easy, ((0, 0), (0, 1)))
    same = seen[:, None] == classes
    own, other = overlaps * same, overlaps * ~same
    nearest_own = own.max(1)
    kinds = np.select(
        [
            found >= 0,
            (nearest_own >= OFF) & (nearest_own < ON),
            other.max(1) >= ON,
            (own * used).max(1) >= ON,
            overlaps.max(1) < OFF,
        ],
        [RIGHT, OVERLAP, CLASS, KINDS.index("duplicate"), KINDS.index("background")],
        default=KINDS.index("wrong_class_and_overlap"),
    )
    target = np.where(kinds == CLASS, other.argmax(1), own.argmax(1))
    able = np.flatnonzero(np.isin(kinds, (OVERLAP, CLASS)) & ~used[target])
    _, first = np.unique(target[able], return_index=True)
    mendable = np.zeros(len(rows), np.bool_)
    mendable[able[first]] = True
    within_reach = np.isin(np.arange(len(boxes)), target[able])
    return Mistakes(
        result.scores[rows].astype(np.float64),
        seen,
        kinds,
        mendable,
        meant=classes[target],
        boxes=classes[:-1][easy],
        missed=classes[:-1][easy & ~used[:-1] & ~within_reach],
    )


def _counted(
    result: Detections,
    labels: NDArray[np.integer],
    matches: Mapping[int, Matches],
    least: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the detections that count, best first, and the box that each found, or -1."""
    rows, found = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for label, of_class in matches.items():
        counts = ~of_class.ignored[0] & (of_class.scores >= least)
        rows.append(np.flatnonzero(result.labels == label)[of_class.rows][counts])
        indices = np.append(np.flatnonzero(labels == label), -1)
        found.append(indices[of_class.found][counts])
    row, box = np.concatenate(rows), np.concatenate(found)
    best = np.lexsort((row, -result.scores[row]))
    return row[best], box[best]
