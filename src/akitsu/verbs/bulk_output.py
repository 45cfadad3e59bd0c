"""How `predict` fills a table: what has to be installed, a bar on the way, a sentence after it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from akitsu.errors import OutputError, require
from akitsu.runtime.urls import is_url, masked

if TYPE_CHECKING:
    from akitsu.bulk.predict import Summary

SUFFIX = ".parquet"


def is_table_of_rows(output: Path | None) -> bool:
    """Whether the output asks for a row a picture."""
    return output is not None and output.suffix.lower() == SUFFIX


def predict_rows(
    model: Path,
    inputs: Sequence[str],
    output: Path,
    *,
    as_json: bool,
    score_threshold: float | None,
    masks: bool,
    **options: Any,
) -> None:
    """Fill the table, and say what is in it.

    Args:
        model: A model file, or the folder of a run.
        inputs: Paths and addresses.
        output: The folder X.parquet.
        as_json: Say it as one JSON document on stdout.
        score_threshold: Detections below it are left out.
        masks: Keep each mask beside its shares.
        options: `engine`, `workers`, `force` and `retry_errors` of `predict_table`.

    Raises:
        MissingExtraError: If the extra `cluster` is not installed.
        AkitsuError: As `predict_table`.
    """
    for module in ("pyarrow", "fsspec"):
        require(module, extra="cluster", purpose=f"a {SUFFIX} output")
    from rich.console import Console
    from rich.progress import Progress

    from akitsu.bulk.predict import predict_table
    from akitsu.bulk.worker import Settings

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("recognising", total=None)
        summary = predict_table(
            model,
            inputs,
            output,
            settings=Settings(score_threshold=score_threshold, masks=masks),
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
            **options,
        )
    document = {**asdict(summary), "path": str(summary.path)}
    typer.echo(json.dumps(document, ensure_ascii=False) if as_json else _sentence(summary))


def require_rows(inputs: Sequence[str], options: dict[str, Any]) -> None:
    """Raise where something is asked for that only a table of rows has.

    Args:
        inputs: Paths; an address is such a thing.
        options: Of the command line, by name; what is None or False was not asked for.

    Raises:
        OutputError: If there is such a thing.
    """
    asked = [name for name, value in options.items() if value]
    asked += [masked(text) for text in inputs if is_url(text)]
    if asked:
        what = f"this is for a table of rows alone, and the output is no {SUFFIX}"
        raise OutputError(what, where=asked[0], do=f"add --output predictions{SUFFIX}")


def _sentence(summary: Summary) -> str:
    said = f"{summary.pictures} pictures"
    if summary.broken:
        said += f", {summary.broken} broken (see the column error)"
    if summary.was_finished:
        return f"{said}: {summary.path} was finished already; --force makes it anew"
    if summary.skipped:
        said += f", {summary.skipped} of them done before"
    return f"{said}: {summary.path}"
