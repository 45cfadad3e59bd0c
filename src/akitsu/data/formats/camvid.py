"""CamVid in eleven classes: street scenes filmed from a car (Brostow et al., 2008)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from akitsu.data.formats.masks import Masks, find_pairs
from akitsu.data.formats.registry import ReaderOptions, register
from akitsu.errors import DataError
from akitsu.runtime.pictures import picture_size, read_mask

CLASSES = (
    "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car",
    "Pedestrian", "Bicyclist",
)  # fmt: skip
"""The classes of the SegNet copy (arXiv:1511.00561), to which most papers compare."""

VOID = 11
SIZE_HW = (360, 480)
LOOKED_AT = 4


@register
class CamVid(Masks):
    """The layouts of "masks" with CamVid's names, its void class 11 read as ignore."""

    name = "camvid"
    describe = (
        "CamVid's 480 x 360 pictures laid out as for masks; eleven classes, mask value 11 is void"
    )
    specialises: ClassVar[tuple[str, ...]] = ("masks", "folders")

    def detects(self, path: Path) -> bool:
        """Whether the folder is called CamVid, or its first masks look like CamVid's."""
        if not super().detects(path):
            return False
        return path.resolve().name.casefold() == "camvid" or _looks_like_camvid(
            path / self.splits(path)[0]
        )

    def with_defaults(self, options: ReaderOptions) -> ReaderOptions:
        """The options with CamVid's own classes and void value where none are given."""
        ignore = VOID if options.ignore is None else options.ignore
        return replace(options, classes=options.classes or CLASSES, ignore=ignore)


def _looks_like_camvid(split: Path) -> bool:
    pairs = [pair for pair in find_pairs(split) if pair.picture and pair.mask][:LOOKED_AT]
    highest = -1
    for pair in pairs:
        try:
            if pair.picture is None or picture_size(pair.picture) != SIZE_HW:
                return False
            highest = max(highest, int(read_mask(pair.mask or "").max()))
        except DataError:
            return False
    return highest == VOID
