"""The formats that akitsu reads: each registers its reader here and is found by looking."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from akitsu.data.formats.findings import Finding
from akitsu.data.sample import Dataset
from akitsu.errors import DataError, nearest
from akitsu.gather import import_all

Task = Literal["classification", "detection", "segmentation"]


@dataclass(frozen=True)
class ReaderOptions:
    """What a person may say about a data set beyond its path.

    Attributes:
        classes: Class names by index; None takes what the set itself says.
        ignore: One more mask value that means "no class here" beside 255.
        skip_broken: Leave broken pictures, labels and lines out, and record them.
    """

    classes: tuple[str, ...] | None = None
    ignore: int | None = None
    skip_broken: bool = False

    def __post_init__(self) -> None:
        if self.ignore is not None and not 0 <= self.ignore <= 255:
            what = f"a mask value to ignore of {self.ignore}"
            raise DataError(what, where="ignore", do="name one from 0 to 255")


class Reader(ABC):
    """One on-disk format.

    Attributes:
        name: What `--format` and a recipe call it.
        task: The question that its labels answer.
        describe: One sentence: the layout.
        needs_path: False for pictures that akitsu draws itself.
        specialises: Formats that this one is a special case of: where both fit, it wins.
    """

    name: ClassVar[str]
    task: ClassVar[Task]
    describe: ClassVar[str]
    needs_path: ClassVar[bool] = True
    specialises: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def detects(self, path: Path) -> bool:
        """Whether the folder or file at `path`, which exists, looks like this format."""

    @abstractmethod
    def splits(self, path: Path) -> list[str]:
        """The parts of the set that `read` can be asked for."""

    @abstractmethod
    def read(self, path: Path, split: str, options: ReaderOptions) -> Dataset:
        """Read one split.

        Raises:
            DataError: If there is no such split or nothing in it.
            FaultsError: If something is broken and `options.skip_broken` is False.
        """

    @abstractmethod
    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Every fault of the labels, of one split or (None) of all; pictures are not decoded."""

    def pictures(self, path: Path, split: str) -> list[Path]:  # noqa: ARG002 - a table has none
        """The picture files of one split, for `doctor` to decode; none for a table."""
        return []


R = TypeVar("R", bound=Reader)
_readers: dict[str, Reader] = {}


def register(reader: type[R]) -> type[R]:
    """Class decorator: make a format known under its name."""
    _readers[reader.name] = reader()
    return reader


@cache
def _gather() -> None:
    import_all("akitsu.data.formats", "akitsu.data.generated", entry_point="akitsu.formats")


def readers() -> dict[str, Reader]:
    """All formats by name, in alphabetical order; third parties' come from `akitsu.formats`."""
    _gather()
    return dict(sorted(_readers.items()))


def find_reader(path: Path | str | None, format: str | None = None) -> Reader:
    """The reader of a data set, found by looking at it or by its format's name.

    Args:
        path: Folder or file; may be None for a format that needs none.
        format: Name of the format; None looks.

    Raises:
        DataError: If there is no such path or format, nothing fits, or several do.
    """
    if format is not None:
        reader = _named(format)
        if reader.needs_path:
            _existing(path, format=format)
        return reader
    folder = _existing(path)
    fitting = [r for r in readers().values() if r.needs_path and r.detects(folder)]
    general = {name for reader in fitting for name in reader.specialises}
    best = [reader for reader in fitting if reader.name not in general]
    if len(best) == 1:
        return best[0]
    if best:
        names = " and ".join(reader.name for reader in best)
        advice = f"say which with --format {best[0].name}"
        raise DataError(f"this looks like {names}", where=folder, do=advice)
    raise _nothing_fits(folder)


def read(
    path: Path | str | None,
    split: str,
    *,
    format: str | None = None,
    options: ReaderOptions | None = None,
) -> Dataset:
    """Read one split of a data set, whose format is found by looking or forced.

    Raises:
        DataError: As `find_reader` and the format's own `read`.
    """
    reader = find_reader(path, format)
    return reader.read(Path(path or ""), split, options or ReaderOptions())


def require_split(split: str, splits: list[str], *, path: Path | str) -> None:
    """Refuse a split that is not there.

    Raises:
        DataError: Naming those that are.
    """
    if split not in splits:
        there = ", ".join(splits) or "none"
        advice = nearest(split, splits, otherwise="choose one of those")
        raise DataError(f"there is no split {split!r} but {there}", where=path, do=advice)


def _named(name: str) -> Reader:
    known = readers()
    if name not in known:
        advice = nearest(name, known, otherwise=f"choose one of {', '.join(known)}")
        raise DataError(f"there is no format {name!r}", where="--format", do=advice)
    return known[name]


def _existing(path: Path | str | None, *, format: str | None = None) -> Path:
    if path is None or str(path) == "":
        who = f"format {format} reads files, and" if format else "a data set is wanted, and"
        raise DataError(f"{who} no path is given", do="name its folder or table with --data")
    path = Path(path)
    try:
        if not path.exists():
            raise DataError("there is no such file or folder", where=path, do="check the path")
        if path.is_dir() and not any(path.iterdir()):
            raise DataError("this folder is empty", where=path, do="copy the data set into it")
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(reason.lower(), where=path, do="check the path and its rights") from error
    return path


def _nothing_fits(path: Path) -> DataError:
    looked_for = "; ".join(
        f"{reader.name}: {reader.describe.rstrip('.')}"
        for reader in readers().values()
        if reader.needs_path
    )
    return DataError(
        f"this is none of the formats that akitsu knows ({looked_for})",
        where=path,
        do="lay it out as one of them, or force one with --format",
    )
