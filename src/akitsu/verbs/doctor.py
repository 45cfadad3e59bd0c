"""`akitsu doctor`: every broken picture and label, before it costs a night of training."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from akitsu.data.anchors import Anchors
    from akitsu.data.formats.findings import Finding
    from akitsu.data.formats.registry import ReaderOptions

EXAMPLE = "akitsu doctor photos/ --level E"

SHOWN_PLACES = 3


class Level(StrEnum):
    """From which level on the exit status says 1."""

    E = "E"
    W = "W"


def doctor(
    path: Annotated[Path, typer.Argument(help="The folder or table to examine.")],
    format: Annotated[
        str | None, typer.Option(help="The format, where looking does not tell; see datasets.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this part, as in train or val.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="Class names by index, with commas between them.")
    ] = None,
    ignore: Annotated[
        int | None, typer.Option(min=0, max=255, help="A mask value without a class, beside 255.")
    ] = None,
    level: Annotated[Level, typer.Option(help="Exit with 1 from here on: E error, W warning.")] = (
        Level.W
    ),
    anchors: Annotated[
        int | None, typer.Option(min=1, help="Instead: so many shapes that stand for the boxes.")
    ] = None,
    input_hw: Annotated[
        tuple[int, int], typer.Option(help="For --anchors: rows and columns of the input.")
    ] = (416, 416),
    stride: Annotated[
        int, typer.Option(min=1, help="For --anchors: pixels of the input in a cell.")
    ] = 32,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a finding.")] = False,
) -> None:
    """List every broken picture and label before they cost a night of training."""
    from akitsu.data.doctor import count_pictures
    from akitsu.data.formats.registry import ReaderOptions

    names = tuple(name.strip() for name in classes.split(",")) if classes else None
    options = ReaderOptions(classes=names, ignore=ignore)
    if anchors is not None:
        found = _anchors(path, anchors, format, split, options, input_hw)
        _print_anchors(found, stride, as_json=json)
        return
    findings = _examine_with_progress(path, format=format, split=split, options=options)
    if json:
        _print_json(findings)
    elif findings:
        _print_table(findings, path)
    else:
        count = count_pictures(path, format=format, split=split, options=options)
        typer.echo(f"{path}: nothing found in {count:,} picture{'s' if count != 1 else ''}.")
    counted = {Level.E: {"E"}, Level.W: {"E", "W"}}[level]
    raise typer.Exit(1 if any(finding.level in counted for finding in findings) else 0)


def _anchors(
    path: Path,
    k: int,
    format: str | None,
    split: str | None,
    options: ReaderOptions,
    input_hw: tuple[int, int],
) -> Anchors:
    """Those of one split, by default the first: what a network learns from."""
    from akitsu.data.anchors import cluster, sides_of
    from akitsu.data.formats.registry import find_reader

    reader = find_reader(path, format)
    splits = reader.splits(path)
    name = split or ("train" if "train" in splits else splits[0])
    return cluster(sides_of(reader.read(path, name, options), input_hw=input_hw), k)


def _print_anchors(found: Anchors, stride: int, *, as_json: bool) -> None:
    from json import dumps

    pairs = [[round(float(side) / stride, 3) for side in pair] for pair in found.sides]
    if as_json:
        typer.echo(dumps({"anchors": pairs, "mean_iou": found.mean_iou}))
        return
    typer.echo(f"anchors: {pairs}")
    typer.echo(f"width and height in cells of {stride} pixels; mean IoU with the boxes:"
               f" {found.mean_iou:.3f}")  # fmt: skip


def _examine_with_progress(
    path: Path, *, format: str | None, split: str | None, options: object
) -> list[Finding]:
    """The findings, with a bar on stderr that a terminal shows and a pipe does not."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from akitsu.data.doctor import examine
    from akitsu.data.formats.registry import ReaderOptions

    assert isinstance(options, ReaderOptions)
    columns = (TextColumn("examining"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Through a pipe rich would leave an empty line in the bar's place.
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("examining", total=None)
        return examine(
            path,
            format=format,
            split=split,
            options=options,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _print_json(findings: Sequence[Finding]) -> None:
    from dataclasses import asdict
    from json import dumps

    for finding in findings:
        # ASCII, since a file's name need not be UTF-8, and then has no other way through a pipe.
        typer.echo(dumps(asdict(finding)))


def _print_table(findings: Sequence[Finding], path: Path) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    by_code: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_code.setdefault((finding.level, finding.code), []).append(finding)
    table = Table("level", "code", "count", f"the first {SHOWN_PLACES}", title=escape(str(path)))
    for (level, code), some in sorted(by_code.items()):
        places = "\n".join(str(finding) for finding in some[:SHOWN_PLACES])
        table.add_row(level, code, f"{len(some):,}", escape(_printable(places)))
    Console().print(table)
    errors = sum(finding.level == "E" for finding in findings)
    typer.echo(f"{path}: {_many(errors, 'error')}, {_many(len(findings) - errors, 'warning')}.")


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
