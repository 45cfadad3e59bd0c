"""Many pictures through one model file into a table; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from akitsu.bulk.job import Job
from akitsu.bulk.local_engine import run_locally
from akitsu.bulk.output import Output, Part, about
from akitsu.bulk.ray_engine import run_on_ray
from akitsu.bulk.sources import Pictures, identity, list_all
from akitsu.bulk.worker import Settings
from akitsu.errors import DataError
from akitsu.runtime.recognizer import Recognizer

PART_SIZE = 256
"""Pictures in a part: so many at most are lost for each worker when a run is killed."""

DEFAULTS = Settings()

Engine = Callable[..., Iterator[tuple[Part, pa.Table]]]
Progress = Callable[[int, int], None]


ENGINES: dict[str, Engine] = {"local": run_locally, "ray": run_on_ray}


@dataclass(frozen=True)
class Summary:
    """What a run leaves behind.

    Attributes:
        path: The folder X.parquet.
        pictures: Rows in it.
        broken: Rows with an error.
        skipped: Pictures of this run that had a row already.
        was_finished: Whether there was nothing left to do.
    """

    path: Path
    pictures: int
    broken: int
    skipped: int
    was_finished: bool


def predict_table(
    model: Path,
    inputs: Sequence[str],
    output: Path,
    *,
    engine: str = "local",
    settings: Settings = DEFAULTS,
    workers: int | None = None,
    force: bool = False,
    retry_errors: bool = False,
    part_size: int = PART_SIZE,
    progress: Progress | None = None,
) -> Summary:
    """Recognise every picture and write a row for each.

    Args:
        model: A `.onnx` file that akitsu wrote, or the folder of the run that it is in.
        inputs: Paths and addresses, as `list_all` takes them.
        output: The folder X.parquet. Where it holds rows of the same command, they are kept.
        engine: "local" (this process) or "ray"; the rows are the same.
        settings: What else changes the rows.
        workers: Threads of this process, or processes of Ray; None takes what there is.
        force: Throw away a table that is there.
        retry_errors: Recognise pictures again whose row is an error.
        part_size: Pictures in a part.
        progress: Called with the pictures done and their number, first before any work.

    Raises:
        ModelFileError: If the model cannot be opened, or its graph fails.
        DataError: If an input gives no pictures, or every picture is broken.
        OutputError: If the output holds anything but rows of the same command.
        AkitsuError: If Ray cannot be used.
    """
    path = model / "model.onnx" if model.is_dir() else model
    card = Recognizer(path).card
    content = path.read_bytes()
    pictures = list_all(inputs)
    if engine == "ray":
        _require_shareable(pictures)
    made_with = about(content, card, inputs=[identity(own) for own in inputs], settings=settings)
    table = Output(output, made_with, force=force)
    table.clean_up()
    if retry_errors:
        table.forget_errors()
    parts = table.plan(pictures.references, part_size=part_size)
    skipped = len(pictures.references) - sum(len(part.references) for part in parts)
    job = Job(content, pictures.filesystems, settings)
    done, total = skipped, len(pictures.references)
    if progress is not None:
        progress(done, total)
    for part, rows in ENGINES[engine](job, parts, workers=workers):
        table.write(part, rows)
        done += len(rows)
        if progress is not None:
            progress(done, total)
    return _summary(table, skipped=skipped, was_finished=not parts)


def _require_shareable(pictures: Pictures) -> None:
    if not pictures.is_shareable:
        raise DataError(
            "other processes cannot read what is in this one's memory",
            where="memory://",
            do="run with --engine local",
        )


def _summary(table: Output, *, skipped: int, was_finished: bool) -> Summary:
    errors, pictures = table.errors(), len(table.names())
    if len(errors) == pictures:
        raise DataError(
            f"all {pictures} pictures are broken, the first one like this: {errors[0].rstrip('.')}",
            where=table.path,
            do="see the column error, mend them, and run again with --retry-errors",
        )
    return Summary(table.path, pictures, len(errors), skipped, was_finished)
