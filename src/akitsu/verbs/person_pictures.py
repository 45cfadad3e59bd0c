"""Pictures of a person of known height, from which a camera is calibrated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from akitsu.errors import DataError
from akitsu.runtime.distance import PERSON

if TYPE_CHECKING:
    from akitsu.runtime.camera import Camera
    from akitsu.runtime.results import Result

Box = tuple[float, float, float, float]


def camera_from(
    inputs: Sequence[str], *, height_m: float, distance_m: float, box: str | None, model: Path
) -> Camera:
    """The camera that took pictures and folders of one person, all from one distance.

    Raises:
        DataError: If a picture has no person, or several, or one that is cut off.
        ModelFileError: If the model detects no people.
    """
    from akitsu.runtime.calibration import from_person
    from akitsu.runtime.pictures import read_picture

    paths = _paths(inputs)
    if box is not None and len(paths) > 1:
        raise typer.BadParameter("a box belongs to one picture: name one")
    images = [read_picture(path) for path in paths]
    size_hw = (images[0].shape[0], images[0].shape[1])
    for path, image in zip(paths, images, strict=True):
        if image.shape[:2] != size_hw:
            what = f"this picture is not as large as {paths[0]}"
            raise DataError(what, where=path, do="take all with one setting of one camera")
    if box is not None:
        boxes = [_written(box)]
    else:
        from akitsu.runtime.live import check_class
        from akitsu.runtime.recognizer import Recognizer
        from akitsu.verbs.person_finder import model_or_person

        recognizer = Recognizer(model_or_person(model))
        check_class(PERSON, recognizer)
        boxes = [
            _found(recognizer(image), where=path) for image, path in zip(images, paths, strict=True)
        ]
    heights_px = [
        _height_px(each, size_hw=size_hw, where=path)
        for each, path in zip(boxes, paths, strict=True)
    ]
    return from_person(heights_px, height_m=height_m, distance_m=distance_m, size_hw=size_hw)


def _paths(inputs: Sequence[str]) -> list[Path]:
    from akitsu.runtime.pictures import list_pictures

    paths: list[Path] = []
    for path in map(Path, inputs):
        found = list_pictures(path) if path.is_dir() else [path]
        if not found:
            raise DataError("there are no pictures here", where=path, do="name another folder")
        paths += found
    return paths


def _found(result: Result, *, where: Path) -> Box:
    from akitsu.runtime.results import Detections

    people = result.of_class(PERSON) if isinstance(result, Detections) else None
    if people is None or len(people) == 0:
        what = "nobody was found in this picture"
        raise DataError(what, where=where, do="take one from nearer by, or say where with --box")
    if len(people) > 1:
        what = f"{len(people)} people were found in this picture"
        raise DataError(what, where=where, do="take one of one person, or say who with --box")
    left, top, right, bottom = (float(edge) for edge in people.boxes[0])
    return left, top, right, bottom


def _written(text: str) -> Box:
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError as error:
        what = f"{text!r} is no box"
        raise DataError(what, where="--box", do="write X0,Y0,X1,Y1 in pixels") from error
    return left, top, right, bottom


def _height_px(box: Box, *, size_hw: tuple[int, int], where: Path) -> float:
    from akitsu.runtime.distance import is_whole

    _, top, _, bottom = box
    if not is_whole(top, bottom, rows=size_hw[0]):
        raise DataError(
            f"the person reaches from row {top:.0f} to {bottom:.0f} of {size_hw[0]}, and may be "
            "cut off",
            where=where,
            do="step back until head and feet are in the picture, with room around them",
        )
    return bottom - top
