"""Where class names come from: the person, a classes.txt beside the set, or the set itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from akitsu.data.formats.findings import Finding
from akitsu.errors import DataError

CLASSES_FILE = "classes.txt"


def class_names(
    folder: Path, *, given: Sequence[str] | None, found: Iterable[str] = ()
) -> list[str]:
    """Class names by index: those given, else those of classes.txt, else those found, sorted.

    Args:
        folder: The data set's folder, which may hold a classes.txt with one name a line.
        given: What a person or a recipe says; None if nothing.
        found: Names that occur in the labels, in any order and number.

    Returns:
        K different names; empty if there is nothing to go by.

    Raises:
        DataError: If a name occurs twice in the list or classes.txt is not UTF-8.
    """
    if given is not None:
        return _different(list(given), where="classes")
    listed = folder / CLASSES_FILE
    if listed.is_file():
        return _different(_lines(listed), where=str(listed))
    return sorted(set(found))


def examine_classes(
    classes: Sequence[str], *, used: Iterable[str], where: Path, split: str
) -> list[Finding]:
    """Classes without a sample in training, and classes that differ by their spelling alone.

    Args:
        classes: Class names by index.
        used: The class of every sample or object of the split.
        where: The data set.
        split: Name of the split that `used` was counted over.
    """
    counts = Counter(used)
    findings = [
        Finding("cls-empty", "W", str(where), f"class {name!r} has no sample in {split}",
                "label some, or expect that it is never recognised")
        for name in classes
        if not counts[name]
    ]  # fmt: skip
    alike: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        alike[_normalised(name)].append(name)
    findings += [
        Finding("cls-case", "W", str(where), f"classes {' and '.join(map(repr, names))} differ "
                "by their spelling alone", "give them one name if they are one class")
        for names in alike.values()
        if len(names) > 1
    ]  # fmt: skip
    return findings


def listed_names(file: Path) -> list[str]:
    """The class names of a text file with one a line, in order.

    Raises:
        DataError: If it cannot be read, is not UTF-8, names none, or names one twice.
    """
    try:
        names = _lines(file)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(reason, where=file, do="name a text file, one class a line") from error
    if not names:
        raise DataError("no class name in it", where=file, do="write one class a line")
    return _different(names, where=str(file))


def class_index(name: str, classes: Mapping[str, int]) -> int | None:
    """Which class a label means: spelled the same, or but for case, spaces and underscores.

    Args:
        name: As it stands in a label.
        classes: `class_indices` of the class names.

    Example:
        >>> class_index("water_ouzel", class_indices(["tench", "water ouzel"]))
        1
        >>> class_index("ouzel", class_indices(["tench", "water ouzel"])) is None
        True
    """
    return classes.get(name, classes.get(_plain(name)))


def class_indices(classes: Sequence[str]) -> dict[str, int]:
    """Indices by name, and by plain name where that is one class's alone; for `class_index`."""
    plain = Counter(map(_plain, classes))
    indices = {_plain(name): i for i, name in enumerate(classes) if plain[_plain(name)] == 1}
    return indices | {name: index for index, name in enumerate(classes)}


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").split())


def _normalised(name: str) -> str:
    return name.casefold().replace(" ", "").replace("_", "").replace("-", "").removesuffix("s")


def _lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=file, do="save it as UTF-8") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _different(names: list[str], *, where: str) -> list[str]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"class {twice[0]!r} is named twice", where=where, do="name each once")
    return names
