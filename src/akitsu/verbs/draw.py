"""The verb `draw`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from akitsu.classic.figures.registry import ClassicFigure

EXAMPLE = "akitsu draw gamma impurities --output figures"


def draw(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Figures; without any, a list.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Draw all of them.")] = False,
    output: Annotated[Path, typer.Option(help="The folder for the files.")] = Path(),
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that are there already.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the figures' numbers.")] = False,
) -> None:
    """Draw the figures that explain the classic classifiers, each computed anew.

    Beside each file stands what one sees.
    """
    import json as json_format

    from akitsu.errors import require

    require("matplotlib", extra="train", purpose="a figure")
    from akitsu.classic.figures.registry import entries, entry
    from akitsu.files import require_absent, without_nan

    if all_ and names:
        raise typer.BadParameter("--all draws every figure: leave out the names, or --all")
    chosen = (
        list(entries().values()) if all_ else [entry(name) for name in dict.fromkeys(names or [])]
    )
    if not chosen:
        _list(list(entries().values()), as_json=json)
        return
    for each in chosen:  # before the first is drawn: all files, or none
        require_absent(*each.paths(output), force=force)
    documents = []
    for each in chosen:
        documents.append(each.write(output, force=force))
        if not json:
            typer.echo(f"{', '.join(documents[-1]['files'])}: {each.sees}")
    if json:
        typer.echo(json_format.dumps(without_nan(documents), ensure_ascii=False))


def _list(known: list[ClassicFigure], *, as_json: bool) -> None:
    import json as json_format

    if as_json:
        rows = [{"name": each.name, "sees": each.sees} for each in known]
        typer.echo(json_format.dumps(rows, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "what one sees")
    for each in known:
        table.add_row(each.name, each.sees)
    Console().print(table)
