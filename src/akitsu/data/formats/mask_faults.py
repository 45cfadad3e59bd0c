"""Faults of one mask file: its kind, its size, its values."""

from __future__ import annotations

from pathlib import Path

from akitsu.data.formats.findings import Finding, errors_of
from akitsu.data.formats.mask_values import IGNORE, with_ignore, wrong_value
from akitsu.data.formats.picture_faults import read_header
from akitsu.errors import DataError
from akitsu.runtime.pictures import read_mask


def examine_mask(
    path: Path, *, picture: Path, classes: int, ignore: int | None = None
) -> list[Finding]:
    """Everything wrong with a mask, which is decoded.

    Args:
        path: The mask.
        picture: Its picture, for the size.
        classes: Number of classes; 0 leaves the values unchecked.
        ignore: One more value that stands for 255.
    """
    findings = examine_mask_header(path, picture=picture)
    if errors_of(findings):
        return findings
    try:
        mask = with_ignore(read_mask(path), ignore=ignore)
    except DataError as error:
        code = "mask-kind" if "colour" in error.what else "img-truncated"
        return [Finding.from_error(error, code=code)]
    wrong = wrong_value(mask, classes=classes, where=path)
    if wrong is not None:
        findings.append(wrong)
    elif (mask == IGNORE).all():
        advice = "label it or leave the picture out; it teaches nothing"
        findings.append(Finding("mask-void", "W", str(path), "every pixel is ignored", advice))
    return findings


def examine_mask_header(path: Path, *, picture: Path) -> list[Finding]:
    """A mask that is a JPEG, or not as large as its picture."""
    header, findings = read_header(path)
    if header is None:
        return findings
    if header.kind in ("JPEG", "MPO"):
        advice = "save it as PNG from the source; JPEG invents values along every edge"
        return [Finding("mask-jpeg", "E", str(path), "a mask stored as JPEG", advice)]
    of_picture, _ = read_header(picture)  # its own faults are told where pictures are examined
    if of_picture is None or of_picture.upright_hw == header.upright_hw:
        return []
    height, width = header.upright_hw
    rows, columns = of_picture.upright_hw
    what = f"a mask of {width} x {height} pixels for a picture of {columns} x {rows}"
    return [Finding("mask-size", "E", str(path), what, "save the mask in its picture's size")]
