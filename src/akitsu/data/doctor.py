"""All faults of a data set at once, before they cost a night of training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from akitsu.data.formats.findings import Finding, raise_if_broken
from akitsu.data.formats.picture_faults import examine_picture
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Reader, ReaderOptions, find_reader, require_split
from akitsu.data.formats.splits import SEPARATE, fewest, separate

__all__ = ["Finding", "count_pictures", "examine", "raise_if_broken"]

Progress = Callable[[int, int], None]
"""Called with the pictures done and all pictures."""


def examine(
    path: Path | str,
    *,
    format: str | None = None,
    split: str | None = None,
    options: ReaderOptions | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Everything wrong with a data set; no fault hides another.

    Args:
        path: Folder or table.
        format: Its format's name; None looks.
        split: Only this part; None is all.
        options: Classes and ignore value, if the set does not say them.
        progress: Called after every picture.

    Returns:
        Findings of labels first, then of pictures, in the order of the set.

    Raises:
        DataError: If there is no such path, format or split; no fault of the set raises.
    """
    reader = find_reader(path, format)
    folder, options = Path(path), options or ReaderOptions()
    splits = _splits(reader, folder, split)
    findings = list(reader.examine(folder, split, options))
    pictures = {name: reader.pictures(folder, name) for name in splits}
    total = sum(len(files) for files in pictures.values())
    digests: dict[str, list[bytes]] = {name: [] for name in splits}
    done = 0
    for name, files in pictures.items():
        for found, digest in in_threads(_examine_and_hash, files):
            findings += found
            digests[name].append(digest)
            done += 1
            if progress is not None:
                progress(done, total)
    findings += _duplicates(pictures, digests)
    return _once(findings)


def count_pictures(
    path: Path | str,
    *,
    format: str | None = None,
    split: str | None = None,
    options: ReaderOptions | None = None,
) -> int:
    """How many pictures a sound data set holds.

    Raises:
        DataError: As the format's `read`.
    """
    reader = find_reader(path, format)
    options = options or ReaderOptions()
    names = [split] if split else fewest(reader.splits(Path(path)))
    return sum(len(reader.read(Path(path), name, options)) for name in names)


def _splits(reader: Reader, path: Path, split: str | None) -> list[str]:
    splits = reader.splits(path)
    if split is None:
        return separate(splits)
    require_split(split, splits, path=path)
    return [split]


def _examine_and_hash(path: Path) -> tuple[list[Finding], bytes]:
    findings = examine_picture(path)
    try:
        with path.open("rb") as file:
            return findings, hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return findings, b""


def _duplicates(
    pictures: dict[str, list[Path]], digests: Mapping[str, Sequence[bytes]]
) -> Iterable[Finding]:
    """Pictures equal byte for byte: within one split, or (worse) in training and in a test."""
    first: dict[bytes, tuple[str, Path]] = {}
    for name, files in pictures.items():
        for file, digest in zip(files, digests[name], strict=True):
            if not digest or not file.is_file() or not file.stat().st_size:
                continue
            split, earlier = first.setdefault(digest, (name, file))
            if earlier == file:
                continue
            if split == name:
                what = f"the same bytes as {earlier.name}"
                yield Finding("dup-exact", "W", str(file), what, "delete one of the two")
            elif split in SEPARATE and name in SEPARATE:
                what = f"the same bytes as {earlier.name} of {split}"
                advice = f"take it out of {name} or of {split}, or the score is too good"
                yield Finding("leak", "W", str(file), what, advice)


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """Labels and pictures are examined apart and may tell of one broken file twice."""
    return list(dict.fromkeys(findings))
