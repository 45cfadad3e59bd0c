"""One folder per class, as in train/cat/0001.jpg or cat/0001.jpg."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from akitsu.data.formats.class_names import class_names, examine_classes
from akitsu.data.formats.findings import Finding
from akitsu.data.formats.picture_set import Entry, Examined, PictureSet, picture_set
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.splits import EIGHTH_SPLITS, SEPARATE, every_eighth, separate
from akitsu.errors import DataError, nearest
from akitsu.runtime.pictures import list_pictures

# What unpacking and notebooks leave behind.
LITTER = {"__MACOSX"}


@dataclass(frozen=True)
class Found:
    """One picture in the folder of its class."""

    picture: Path
    class_name: str


@register
class Folders(Reader):
    """Pictures sorted into folders that bear the names of the classes."""

    name = "folders"
    task = "classification"
    describe = "one folder per class, ROOT/train/CLASS/*.jpg or ROOT/CLASS/*.jpg"

    def detects(self, path: Path) -> bool:
        """Whether at least two folders in one split, or at the top, hold pictures."""
        if not path.is_dir():
            return False
        tops = _split_folders(path) or [path]
        return any(sum(1 for folder in subfolders(top) if list_pictures(folder)) >= 2
                   for top in tops)  # fmt: skip

    def splits(self, path: Path) -> list[str]:
        """The split folders, or "train", "val" (every eighth picture) and "all"."""
        return [folder.name for folder in _split_folders(path)] or list(EIGHTH_SPLITS)

    def read(self, path: Path, split: str, options: ReaderOptions) -> PictureSet:
        """Pictures with their folder's class; classes in alphabetical order of all splits.

        Raises:
            DataError: If there is no such split.
            FaultsError: If a folder's name is not among the classes.
        """
        require_split(split, self.splits(path), path=path)
        classes = self._classes(path, options)
        examined = [_examine(found, path, classes) for found in self._find(path, split)]
        return picture_set(path, split=split, classes=classes, examined=examined, options=options)

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Folders that are no class, and classes without pictures."""
        classes = self._classes(path, options)
        for name in [split] if split else separate(self.splits(path)):
            require_split(name, self.splits(path), path=path)
            found = self._find(path, name)
            for one in found:
                yield from _examine(one, path, classes).findings
            if name == "train" or split:
                used = [one.class_name for one in found]
                yield from examine_classes(classes, used=used, where=path, split=name)

    def pictures(self, path: Path, split: str) -> list[Path]:
        """The pictures of one split, class by class."""
        return [found.picture for found in self._find(path, split)]

    def _find(self, path: Path, split: str) -> list[Found]:
        top = path / split if _split_folders(path) else path
        found = [
            Found(picture, folder.name)
            for folder in subfolders(top)
            for picture in list_pictures(folder)
        ]
        return found if _split_folders(path) else every_eighth(found, split)

    def _classes(self, path: Path, options: ReaderOptions) -> list[str]:
        tops = _split_folders(path) or [path]
        found = [folder.name for top in tops for folder in subfolders(top)]
        return class_names(path, given=options.classes, found=found)


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones and litter, in the order of their names.

    Raises:
        DataError: If it is no folder, or cannot be looked into.
    """
    try:
        inside = [f for f in folder.iterdir() if not f.name.startswith(".")]
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise DataError(reason, where=folder, do="name a folder that you may read") from error
    return sorted(f for f in inside if f.name not in LITTER and f.is_dir())


def _split_folders(path: Path) -> list[Path]:
    return [folder for folder in subfolders(path) if folder.name in SEPARATE and subfolders(folder)]


def _examine(found: Found, path: Path, classes: list[str]) -> Examined:
    name = found.picture.relative_to(path).as_posix()
    if found.class_name in classes:
        return Examined(Entry(name, found.picture, label=classes.index(found.class_name)))
    advice = nearest(found.class_name, classes, otherwise="name it among the classes")
    what = f"folder {found.class_name!r} is none of the {len(classes)} classes"
    return Examined(None, [Finding("cls-unknown", "E", str(found.picture), what, advice)])
