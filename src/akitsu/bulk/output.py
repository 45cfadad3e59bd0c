"""The table as a folder of parts, each written whole, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akitsu import __version__
from akitsu.bulk.reference import Reference
from akitsu.bulk.rows import part_files, read_part
from akitsu.bulk.worker import Settings
from akitsu.errors import OutputError
from akitsu.files import read_json, whole_file, write_json
from akitsu.runtime.card import ModelCard

ABOUT = "_akitsu.json"
"""What the rows were made with; readers of Parquet pass over names that begin with _ or a dot."""

FORMAT = 1
"""Raised when the columns or their meaning change."""


@dataclass(frozen=True)
class Part:
    """Pictures whose rows are written together.

    Attributes:
        number: Which slice of the list of pictures this is, from 0.
        references: Those of the slice that have no row yet.
    """

    number: int
    references: list[Reference]


class Output:
    """A table of predictions that is being written.

    Attributes:
        path: The folder X.parquet.
    """

    def __init__(self, path: Path, about: dict[str, Any], *, force: bool = False) -> None:
        """Make the folder, or find what an earlier run of the same command left.

        Args:
            path: The folder X.parquet.
            about: What the rows are made with, from `about`.
            force: Throw away a table that is there.

        Raises:
            OutputError: If something else is there, or a table made with something else.
        """
        self.path = path
        if force and (path / ABOUT).is_file():
            shutil.rmtree(path)
        if (path / ABOUT).is_file():
            _require_same(about, path)
            return
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "this holds something that is no table of akitsu predict"
            raise OutputError(what, where=path, do="choose another --output")
        write_json(path / ABOUT, about)

    def plan(self, references: Sequence[Reference], *, part_size: int) -> list[Part]:
        """The parts that are still to be written.

        A slice always holds the same pictures of the same list, so a run that goes on computes
        the batches that the unbroken one would have computed.
        """
        done = self.names()
        numbered = enumerate(references)
        left = [(n // part_size, own) for n, own in numbered if own.name not in done]
        return [
            Part(number, [own for _, own in group])
            for number, group in groupby(left, key=lambda pair: pair[0])
        ]

    def write(self, part: Part, rows: pa.Table) -> None:
        """Write a part, whole or not at all; finished parts are never written over."""
        with whole_file(self._free_name(part.number), force=False) as temporary:
            pq.write_table(rows, temporary)

    def names(self) -> set[str]:
        """The pictures that have a row."""
        return set(self._column("name"))

    def errors(self) -> list[str]:
        """The errors of the broken pictures, in the order of the parts."""
        return [error for error in self._column("error") if error is not None]

    def forget_errors(self) -> None:
        """Take the rows of broken pictures out, so that the next plan holds these pictures."""
        for path in part_files(self.path):
            rows = read_part(path)
            sound = rows.filter(pc.is_null(rows["error"]))
            if not len(sound):
                path.unlink()
            elif len(sound) < len(rows):
                with whole_file(path) as temporary:
                    pq.write_table(sound, temporary)

    def clean_up(self) -> None:
        """Delete what killed runs were still writing."""
        for path in self.path.glob(".*.parquet"):
            path.unlink(missing_ok=True)

    def _column(self, name: str) -> Iterable[Any]:
        for path in part_files(self.path):
            yield from read_part(path, columns=[name])[name].to_pylist()

    def _free_name(self, number: int) -> Path:
        """A slice has a second file where the list of pictures grew, or errors were retried."""
        path, again = self.path / f"part-{number:06d}.parquet", 1
        while path.exists():
            again += 1
            path = self.path / f"part-{number:06d}-{again}.parquet"
        return path


def about(
    model: bytes, card: ModelCard, *, inputs: Sequence[str], settings: Settings
) -> dict[str, Any]:
    """What a table is made with; a table goes on only where all of it is the same.

    Args:
        model: The model file's content.
        card: Its card.
        inputs: Paths and addresses without secrets.
        settings: What else changes the rows.
    """
    return {
        "format": FORMAT,
        "akitsu": __version__,
        "model": {"name": card.model, "sha256": hashlib.sha256(model).hexdigest()},
        "task": card.task,
        "classes": list(card.classes),
        "inputs": list(inputs),
        "settings": asdict(settings),
    }


_MEANINGS = {
    "format": "form of the table",
    "akitsu": "version of akitsu",
    "model": "model file",
    "inputs": "choice of pictures",
}


def _require_same(here: dict[str, Any], path: Path) -> None:
    there = read_json(path / ABOUT)
    if not isinstance(there, dict):
        there = {}
    pairs = [(name, here[name], there.get(name)) for name in here if name != "settings"]
    known = there.get("settings")
    old = known if isinstance(known, dict) else {}
    pairs += [(f"--{n.replace('_', '-')}", own, old.get(n)) for n, own in here["settings"].items()]
    for name, own, other in pairs:
        if own != other:
            raise OutputError(
                f"the table here was made with another {_MEANINGS.get(name, name)}",
                where=path,
                do="choose another --output, or replace it with --force",
            )
