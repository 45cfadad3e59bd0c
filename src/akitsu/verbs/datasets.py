"""`akitsu datasets`: which formats there are, how they lie on disk, and what to type."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "akitsu datasets"


def datasets(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the data set formats that akitsu reads, and those that it draws itself."""
    from json import dumps

    from akitsu.data.formats.registry import Reader, readers

    def typed(reader: Reader) -> str:
        if reader.needs_path:
            return f"--data PATH --set data.format={reader.name}"
        return f"--set data.format={reader.name}"

    rows: list[dict[str, str | bool]] = [
        {"name": r.name, "task": r.task, "layout": r.describe, "needs_path": r.needs_path,
         "type": typed(r)}
        for r in readers().values()
    ]  # fmt: skip
    if json:
        typer.echo(dumps(rows, indent=2))
        return
    _print_table(rows)


def _print_table(rows: list[dict[str, str | bool]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("format", "task", "layout", "what to type", show_lines=True)
    for row in rows:
        table.add_row(*(escape(str(row[key])) for key in ("name", "task", "layout", "type")))
    Console().print(table)
    typer.echo("The format is found by looking at PATH; --data PATH alone is mostly enough.")
