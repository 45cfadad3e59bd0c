"""The verb `convert`: a data set in another layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from akitsu.data.formats.registry import ReaderOptions
    from akitsu.data.sample import Dataset

EXAMPLE = "akitsu convert photos/ photos-shards/ --to shards"


def convert(
    source: Annotated[Path, typer.Argument(help="The folder or table to read.")],
    destination: Annotated[Path, typer.Argument(help="The folder to write.")],
    to: Annotated[str, typer.Option("--to", help="The layout to write: shards.")],
    format: Annotated[
        str | None, typer.Option(help="The source's format, where looking does not tell.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="Only this part, as in train; may be repeated.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help="Class names by index, with commas between them.")
    ] = None,
    ignore: Annotated[
        int | None, typer.Option(min=0, max=255, help="A mask value without a class, beside 255.")
    ] = None,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave out broken pictures and labels.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write a data set anew in another layout, such as shards for one that exceeds the memory.

    All of it is written or nothing; broken pictures stop it, unless they are skipped.
    """
    from json import dumps

    from akitsu.data.formats.registry import ReaderOptions

    write = _target(to)
    _require_apart(source, destination)
    names = tuple(name.strip() for name in classes.split(",")) if classes else None
    options = ReaderOptions(classes=names, ignore=ignore, skip_broken=skip_broken)
    splits = _read(source, format=format, only=split or [], options=options)
    with _progress(sum(map(len, splits.values()))) as advance:
        write(splits, destination, force=force, progress=advance)
    skipped = [line for dataset in splits.values() for line in getattr(dataset, "skipped", [])]
    counts = {name: len(dataset) for name, dataset in splits.items()}
    if json:
        document = {"path": str(destination), "to": to, "pictures": counts, "skipped": skipped}
        typer.echo(dumps(document, indent=2))
        return
    for line in skipped:
        typer.echo(f"left out: {line}", err=True)
    told = ", ".join(f"{count:,} in {name}" for name, count in counts.items())
    typer.echo(f"{destination}: {told}.")


def _targets() -> dict[str, Callable[..., object]]:
    """What each layout is written by: splits, folder, `force` and `progress`."""
    from functools import partial

    from akitsu.data.shards import write_splits

    return {"shards": partial(write_splits, seed=0)}


def _target(name: str) -> Callable[..., object]:
    from akitsu.errors import DataError, nearest

    targets = _targets()
    if name not in targets:
        advice = nearest(name, targets, otherwise=f"choose one of {', '.join(targets)}")
        raise DataError(f"there is no layout {name!r} to write", where="--to", do=advice)
    return targets[name]


def _require_apart(source: Path, destination: Path) -> None:
    """Refuse to write where the source lies: --force would delete it."""
    from akitsu.errors import OutputError

    if source.exists() and source.resolve().is_relative_to(destination.resolve()):
        what = "the data set to read lies here"
        raise OutputError(what, where=destination, do="name another folder to write")


def _read(
    source: Path, *, format: str | None, only: list[str], options: ReaderOptions
) -> Mapping[str, Dataset]:
    """The splits asked for, or those that hold every picture once."""
    from akitsu.data.formats.registry import find_reader, require_split
    from akitsu.data.formats.splits import separate

    reader = find_reader(source, format)
    there = reader.splits(source)
    for name in only:
        require_split(name, there, path=source)
    return {name: reader.read(source, name, options) for name in only or separate(there)}


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Iterable[int]], Iterable[int]]]:
    """A bar on stderr over all splits, that a terminal shows and a pipe does not."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("converting"), BarColumn(), MofNCompleteColumn())
    # Through a pipe rich would leave an empty line in the bar's place.
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("converting", total=total)

        def advance(items: Iterable[int]) -> Iterable[int]:
            for item in items:
                yield item
                bar.advance(task)

        yield advance
