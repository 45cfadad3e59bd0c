"""Pictures with a mask of class indices each, in two common layouts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from akitsu.data.formats.class_names import class_names
from akitsu.data.formats.findings import Finding, errors_of
from akitsu.data.formats.folders import subfolders
from akitsu.data.formats.mask_faults import examine_mask, examine_mask_header
from akitsu.data.formats.picture_faults import likely_file
from akitsu.data.formats.picture_set import Entry, Examined, PictureSet, picture_set
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.splits import separate
from akitsu.errors import DataError
from akitsu.runtime.pictures import list_pictures

# SegNet's copy of CamVid put the masks of train/ into trainannot/.
ANNOTATED = "annot"


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; one of the two may be absent."""

    name: str
    picture: Path | None
    mask: Path | None


@register
class Masks(Reader):
    """Pictures and masks of the same stem."""

    name = "masks"
    task = "segmentation"
    describe = (
        "SPLIT/images/X.jpg and SPLIT/masks/X.png, or SPLIT/X.png and SPLITannot/X.png; "
        "masks hold class indices, 255 = ignore"
    )
    specialises: ClassVar[tuple[str, ...]] = ("folders",)

    def detects(self, path: Path) -> bool:
        """Whether a folder holds images/ and masks/, or has an ...annot/ beside it."""
        return path.is_dir() and bool(self.splits(path))

    def splits(self, path: Path) -> list[str]:
        """Folders that hold images/ and masks/, or have a neighbour ...annot/."""
        return [folder.name for folder in subfolders(path) if mask_folder(folder) is not None]

    def read(self, path: Path, split: str, options: ReaderOptions) -> PictureSet:
        """Pairs of picture and mask; a mask's values are checked when it is read.

        Raises:
            DataError: If there is no such split, or the classes have no names.
            FaultsError: If a pair is incomplete, or a mask is of another size or kind.
        """
        require_split(split, self.splits(path), path=path)
        options = self.with_defaults(options)
        classes = class_names(path, given=options.classes)
        if not classes:
            advice = "write one name a line into classes.txt there, or name them in data.classes"
            raise DataError("the classes of these masks have no names", where=path, do=advice)
        pairs = find_pairs(path / split)
        faults = in_threads(lambda pair: self._faults(pair, classes, options), pairs)
        examined = [_examined(pair, f) for pair, f in zip(pairs, faults, strict=True)]
        return picture_set(path, split=split, classes=classes, examined=examined, options=options)

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Incomplete pairs, and every mask's kind, size and values."""
        options = self.with_defaults(options)
        classes = class_names(path, given=options.classes)
        if not classes:
            advice = "write one name a line into classes.txt there; values go unchecked until then"
            yield Finding("cls-unknown", "E", str(path), "the classes have no names", advice)
        for name in [split] if split else separate(self.splits(path)):
            require_split(name, self.splits(path), path=path)
            pairs = find_pairs(path / name)
            for findings in in_threads(lambda p: examine_pair(p, len(classes), options), pairs):
                yield from findings

    def pictures(self, path: Path, split: str) -> list[Path]:
        """The pictures of one split, without the masks."""
        return list_pictures(_picture_folder(path / split))

    def with_defaults(self, options: ReaderOptions) -> ReaderOptions:
        """The options with what this format knows by itself."""
        return options

    def _faults(self, pair: Pair, classes: list[str], options: ReaderOptions) -> list[Finding]:
        if options.skip_broken:
            return examine_pair(pair, len(classes), options)
        if pair.picture is None or pair.mask is None:
            return [_incomplete(pair)]
        return examine_mask_header(pair.mask, picture=pair.picture)


def examine_pair(pair: Pair, classes: int, options: ReaderOptions) -> list[Finding]:
    """Everything wrong with a pair but the picture itself; the mask is decoded."""
    if pair.picture is None or pair.mask is None:
        return [_incomplete(pair)]
    return examine_mask(pair.mask, picture=pair.picture, classes=classes, ignore=options.ignore)


def mask_folder(split: Path) -> Path | None:
    """The folder of the masks of a split, or None if this is not a split of pairs."""
    if (split / "images").is_dir() and (split / "masks").is_dir():
        return split / "masks"
    annotated = split.with_name(split.name + ANNOTATED)
    return annotated if annotated.is_dir() else None


def find_pairs(split: Path) -> list[Pair]:
    """Pictures and masks of one split, matched by stem, in the order of their names."""
    masks_in = mask_folder(split)
    pictures = {file.stem: file for file in list_pictures(_picture_folder(split))}
    masks = {file.stem: file for file in list_pictures(masks_in)} if masks_in else {}
    return [Pair(stem, pictures.get(stem), masks.get(stem)) for stem in sorted({*pictures, *masks})]


def _picture_folder(split: Path) -> Path:
    return split / "images" if (split / "images").is_dir() else split


def _examined(pair: Pair, findings: Sequence[Finding]) -> Examined:
    if pair.picture is None or errors_of(findings):
        return Examined(None, findings)
    return Examined(Entry(pair.picture.name, pair.picture, mask=pair.mask), findings)


def _incomplete(pair: Pair) -> Finding:
    if pair.picture is not None:
        folder = mask_folder(pair.picture.parent) or mask_folder(pair.picture.parent.parent)
        hint = likely_file((folder or pair.picture.parent) / pair.picture.name)
        return Finding("pair-missing", "E", str(pair.picture), "this picture has no mask", hint)
    advice = "copy its picture there or delete the mask"
    return Finding("pair-missing", "E", str(pair.mask), "this mask has no picture", advice)
