"""From the corners that a VOC label states to boxes in the picture: XYXY edges, half-open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.data.formats.voc_labels import CORNERS, Label, LabelledObject
from akitsu.errors import nearest

# A label tool may be off by a pixel at the border; more is a mistake that a person should see.
CLIPPED_PX = 2
CLIPPED_SHARE = 0.01

# No network finds an object of two pixels.
TINY_PX = 3

SAME_IOU = 0.98
"""Two boxes of a class that overlap more than this are one object labelled twice."""


@dataclass(frozen=True)
class Boxes:
    """The sound objects of one picture, and what is wrong with the others.

    Attributes:
        boxes: (N, 4) float32 XYXY pixels, inside the picture.
        labels: (N,) int64 class indices.
        difficult: (N,) bool.
        findings: Faults, of errors and of what was clipped or dropped.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    difficult: NDArray[np.bool_]
    findings: list[Finding]


def counts_from_zero(labels: Iterable[Label]) -> bool:
    """Whether the tool that drew a set counted pixels from 0: then some box touches it.

    VOC counts from 1; one cannot tell from a single picture, but hardly a whole set has no box
    at the left or upper border.
    """
    return any(0 in o.corners[:2] for label in labels for o in label.objects)


def place_boxes(
    label: Label, *, size_hw: tuple[int, int], classes: Sequence[str], from_zero: bool
) -> Boxes:
    """Carry the objects of one label onto their picture.

    Args:
        label: What the file says.
        size_hw: Rows and columns of the picture itself.
        classes: Class names by index.
        from_zero: Whether the set counts pixels from 0.
    """
    findings: list[Finding] = []
    placed: list[tuple[LabelledObject, NDArray[np.float64]]] = []
    for one in label.objects:
        box, found = _place(one, label, size_hw=size_hw, classes=classes, from_zero=from_zero)
        findings += found
        if box is None:
            continue
        if any(o.name == one.name and _iou(box, other) >= SAME_IOU for o, other in placed):
            what = f"the same {one.name!r} is labelled twice"
            findings.append(
                _finding("box-dup", "W", label, one, what, "akitsu keeps the first of the two")
            )
        else:
            placed.append((one, box))
    return Boxes(
        np.array([box for _, box in placed], np.float32).reshape(-1, 4),
        np.array([classes.index(one.name) for one, _ in placed], np.int64),
        np.array([one.difficult for one, _ in placed], np.bool_),
        findings,
    )


def _place(
    one: LabelledObject,
    label: Label,
    *,
    size_hw: tuple[int, int],
    classes: Sequence[str],
    from_zero: bool,
) -> tuple[NDArray[np.float64] | None, list[Finding]]:
    """The box of one object, or None and the finding that says why not."""
    if one.name not in classes:
        advice = nearest(one.name, classes, otherwise="name it among the classes")
        what = f"class {one.name!r} is none of the {len(classes)} classes"
        return None, [_finding("cls-unknown", "E", label, one, what, advice)]
    fault = _shape_fault(one, label)
    if fault is not None:
        return None, [fault]
    box = np.array(one.corners, np.float64)
    if not from_zero:
        # VOC counts pixels from 1, last one included: minima are edges after -1, maxima already.
        box[:2] -= 1
    fault = _outside(box, one, label, size_hw)
    if fault is not None and fault.level == "E":
        return None, [fault]
    findings = [] if fault is None else [fault]
    box = box.clip(0, np.array([size_hw[1], size_hw[0]] * 2))
    width, height = box[2] - box[0], box[3] - box[1]
    if width <= 0 or height <= 0:
        what = "nothing of the box lies in the picture"
        findings.append(_finding("box-empty", "W", label, one, what, "akitsu drops it"))
        return None, findings
    if min(width, height) < TINY_PX:
        what = f"a box of {width:g} x {height:g} pixels"
        findings.append(
            _finding("box-tiny", "W", label, one, what, "draw it again or mark it difficult")
        )
    return box, findings


def _shape_fault(one: LabelledObject, label: Label) -> Finding | None:
    xmin, ymin, xmax, ymax = one.corners
    if xmax < xmin or ymax < ymin:
        side = "xmax" if xmax < xmin else "ymax"
        low, high = (xmin, xmax) if xmax < xmin else (ymin, ymax)
        other = side.replace("max", "min")
        what = f"{side} {high:g} lies before {other} {low:g}"
        return _finding("box-swapped", "E", label, one, what, "swap them")
    if xmax == xmin or ymax == ymin:
        what = f"a box without area at {xmin:g}, {ymin:g}, {xmax:g}, {ymax:g}"
        return _finding("box-empty", "W", label, one, what, "akitsu drops it")
    return None


def _outside(
    box: NDArray[np.float64], one: LabelledObject, label: Label, size_hw: tuple[int, int]
) -> Finding | None:
    height, width = size_hw
    sides = np.array([width, height] * 2)
    beyond = np.maximum(np.maximum(-box, box - sides), 0)
    if not beyond.any():
        return None
    worst = int((beyond / sides).argmax())
    what = (
        f"{CORNERS[worst]} {one.corners[worst]:g} lies {beyond[worst]:g} pixels outside "
        f"the picture of {width} x {height}"
    )
    if ((beyond <= CLIPPED_PX) | (beyond < CLIPPED_SHARE * sides)).all():
        return _finding("box-outside", "W", label, one, what, "akitsu clips it")
    return _finding("box-outside", "E", label, one, what, "draw it again")


def _iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    shared = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if (shared <= 0).any():
        return 0.0
    both = float(shared.prod())
    areas = float((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod())
    return both / (areas - both)


def _finding(
    code: str, level: str, label: Label, one: LabelledObject, what: str, do: str
) -> Finding:
    where = f"{label.path}, object {one.number}"
    return Finding(code, "E" if level == "E" else "W", where, what, do)
