"""Pascal VOC detection: JPEGImages, Annotations, ImageSets (Everingham et al., 2010)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import ClassVar

from akitsu.data.formats.class_names import class_names, examine_classes
from akitsu.data.formats.findings import Finding, errors_of
from akitsu.data.formats.picture_faults import Header, likely_file, read_header
from akitsu.data.formats.picture_set import Entry, Examined, PictureSet, picture_set
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.splits import EIGHTH_SPLITS, SEPARATE, every_eighth, separate
from akitsu.data.formats.voc_boxes import Boxes, counts_from_zero, place_boxes
from akitsu.data.formats.voc_labels import Label, read_label
from akitsu.errors import DataError
from akitsu.runtime.pictures import list_pictures

PICTURES, LABELS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"

# Lists like person_train.txt say of every picture whether the class is in it: 1, -1, 0 (difficult).
CLASS_LINE = re.compile(r"\S.*\s(-1|0|1)")


@dataclass(frozen=True)
class VocFolder:
    """All that the whole folder says, read once; both splits need it.

    Attributes:
        path: The folder.
        pictures: Picture files by stem.
        labels: Labels by stem.
        classes: Class names by index.
        from_zero: Whether the boxes count pixels from 0.
    """

    path: Path
    pictures: dict[str, Path]
    labels: dict[str, Label]
    classes: list[str]
    from_zero: bool


@register
class Voc(Reader):
    """Boxes in one XML file per picture, found by the stem of its name."""

    name = "voc"
    task = "detection"
    describe = "JPEGImages/X.jpg, Annotations/X.xml and, if there, ImageSets/Main/train.txt"
    specialises: ClassVar[tuple[str, ...]] = ("folders",)

    def detects(self, path: Path) -> bool:
        """Whether there are JPEGImages/ and Annotations/."""
        return (path / PICTURES).is_dir() and (path / LABELS).is_dir()

    def splits(self, path: Path) -> list[str]:
        """The lists of ImageSets/Main, or "train", "val" (every eighth picture) and "all"."""
        lists = sorted((path / LISTS).glob("*.txt"))
        names = [file.stem for file in lists if not _is_class_list(_lines(file))]
        return names or list(EIGHTH_SPLITS)

    def read(self, path: Path, split: str, options: ReaderOptions) -> PictureSet:
        """Pictures with their boxes; those without a label file are background.

        Raises:
            DataError: If there is no such split.
            FaultsError: If a label or a picture's header is broken, or a listed picture missing.
        """
        require_split(split, self.splits(path), path=path)
        folder = read_folder(path, options)
        stems = self._stems(folder, split)
        examined = list(in_threads(lambda stem: examine_stem(folder, stem), stems))
        return picture_set(
            path, split=split, classes=folder.classes, examined=examined, options=options
        )

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Every fault of labels, boxes, classes, pairs and lists."""
        folder = read_folder(path, options)
        splits = self.splits(path)
        stems = {name: self._stems(folder, name) for name in separate(splits)}
        if split:
            require_split(split, splits, path=path)
            stems = {split: self._stems(folder, split)}
        yield from _examine_set(folder)
        for name, listed in stems.items():
            for one in in_threads(lambda stem: examine_stem(folder, stem), listed):
                yield from one.findings
            if name == "train" or split:
                # Faulty objects count as well: their class is there, once they are mended.
                labels = [folder.labels[stem] for stem in listed if stem in folder.labels]
                used = [one.name for label in labels for one in label.objects]
                yield from examine_classes(folder.classes, used=used, where=path, split=name)
        if not split:
            yield from _unlisted(folder, stems)
            yield from _overlaps(path, stems)

    def pictures(self, path: Path, split: str) -> list[Path]:
        """The pictures of one split that are there."""
        pictures = {file.stem: file for file in list_pictures(path / PICTURES)}
        folder = VocFolder(path, pictures, {}, [], from_zero=False)
        return [pictures[stem] for stem in self._stems(folder, split) if stem in pictures]

    def _stems(self, folder: VocFolder, split: str) -> list[str]:
        file = folder.path / LISTS / f"{split}.txt"
        if file.is_file():
            return [line.strip() for line in _lines(file) if line.strip()]
        return every_eighth(sorted(folder.pictures), split)


def read_folder(path: Path, options: ReaderOptions) -> VocFolder:
    """Read every label of the set: the first pixel's number and the classes follow from all.

    Raises:
        DataError: If a folder is missing.
    """
    if not (path / LABELS).is_dir():
        raise DataError(f"there is no folder {LABELS}", where=path, do="lay it out as VOC does")
    pictures = {file.stem: file for file in list_pictures(path / PICTURES)}
    files = sorted((path / LABELS).glob("*.xml"))
    labels = {file.stem: label for file, label in zip(files, map(read_label, files), strict=True)}
    names = [one.name for label in labels.values() for one in label.objects]
    classes = class_names(path, given=options.classes, found=names)
    return VocFolder(path, pictures, labels, classes, counts_from_zero(labels.values()))


def examine_stem(folder: VocFolder, stem: str) -> Examined:
    """One listed picture with its label: an entry unless broken, and everything found."""
    label = folder.labels.get(stem)
    picture = _picture(folder, stem, label)
    if picture is None:
        return Examined(None, [_no_picture(folder, stem, label)])
    header, findings = read_header(picture)
    if header is None:
        return Examined(None, [*findings, *(label.findings if label else [])])
    if label is None:
        advice = "akitsu counts it as background"
        what = "this picture has no label file"
        findings.append(Finding("pair-missing", "W", str(picture), what, advice))
        label = Label(folder.path / LABELS / f"{stem}.xml")
    placed = place_boxes(
        label, size_hw=header.upright_hw, classes=folder.classes, from_zero=folder.from_zero
    )
    findings += [*label.findings, *_size_lie(label, header, placed), *placed.findings]
    if errors_of(findings):
        return Examined(None, findings)
    entry = Entry(
        picture.name,
        picture,
        boxes=placed.boxes,
        labels=placed.labels,
        difficult=placed.difficult,
    )
    return Examined(entry, findings)


def _picture(folder: VocFolder, stem: str, label: Label | None) -> Path | None:
    """By the label's stem; by what the label says only if there is no such picture."""
    if stem in folder.pictures or label is None or not label.filename:
        return folder.pictures.get(stem)
    stated = folder.path / PICTURES / label.filename
    return stated if stated in folder.pictures.values() else None


def _no_picture(folder: VocFolder, stem: str, label: Label | None) -> Finding:
    wanted = folder.path / PICTURES / f"{stem}.jpg"
    if label is not None:
        what = f"there is no picture {wanted.name} for this label"
        return Finding("pair-missing", "E", str(label.path), what, likely_file(wanted))
    what = f"{stem!r} is listed and there is no such picture"
    return Finding("split-name", "E", str(wanted), what, likely_file(wanted))


def _size_lie(label: Label, header: Header, placed: Boxes) -> list[Finding]:
    if label.size_hw is None or label.size_hw == header.upright_hw:
        return []
    stated = f"{label.size_hw[1]} x {label.size_hw[0]}"
    real = f"{header.upright_hw[1]} x {header.upright_hw[0]}"
    what = f"it speaks of a picture of {stated} pixels, and the picture has {real}"
    if label.size_hw == header.size_hw:
        advice = "save the picture without its EXIF rotation, on which the boxes were drawn"
        return [Finding("size-lie", "E", str(label.path), what, advice)]
    level = "E" if any(f.code == "box-outside" for f in placed.findings) else "W"
    advice = "see that the boxes were drawn on this picture"
    return [Finding("size-lie", "E" if level == "E" else "W", str(label.path), what, advice)]


def _examine_set(folder: VocFolder) -> Iterator[Finding]:
    where = str(folder.path / LABELS)
    corners = [corner for label in folder.labels.values() for o in label.objects
               for corner in o.corners]  # fmt: skip
    if corners and max(corners) <= 1:
        advice = "multiply them by the picture's width and height"
        what = "every corner lies between 0 and 1: shares of the side where pixels belong"
        yield Finding("box-unit", "E", where, what, advice)
    elif folder.from_zero:
        what = "some boxes begin at pixel 0, where VOC begins at 1"
        yield Finding("box-origin", "W", where, what, "akitsu takes the whole set to count from 0")


def _unlisted(folder: VocFolder, stems: dict[str, list[str]]) -> Iterator[Finding]:
    listed = {stem for split in stems.values() for stem in split}
    for stem, label in folder.labels.items():
        if stem not in listed and _picture(folder, stem, label) is None:
            yield _no_picture(folder, stem, label)


def _overlaps(path: Path, stems: dict[str, list[str]]) -> Iterator[Finding]:
    for name, listed in stems.items():
        for stem, count in Counter(listed).items():
            if count > 1:
                where, what = str(path / LISTS / f"{name}.txt"), f"{stem!r} is listed {count} times"
                yield Finding("split-name", "E", where, what, "list it once")
    for one, other in combinations((name for name in stems if name in SEPARATE), 2):
        for stem in sorted(set(stems[one]) & set(stems[other])):
            where = str(path / LISTS / f"{other}.txt")
            what = f"{stem!r} is listed for {one}, too"
            yield Finding("split-overlap", "E", where, what, "keep it in one of the two")


def _is_class_list(lines: Sequence[str]) -> bool:
    filled = [line.strip() for line in lines if line.strip()]
    return bool(filled) and all(CLASS_LINE.fullmatch(line) for line in filled)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=file, do="save it as UTF-8") from error
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(reason, where=file, do="check the file's rights") from error
