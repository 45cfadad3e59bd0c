"""The verb `models`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "akitsu models squeezenet-fcn"


def models(
    name: Annotated[str | None, typer.Argument(help="Print the page of this model.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the networks, or print the page of one."""
    import json as json_format

    from akitsu.errors import require

    require("torch", extra="train", purpose="building networks")
    from akitsu.models import registry

    entries = [registry.entry(name)] if name else list(registry.entries().values())
    if json:
        keys = ("name", "task", "paper", "year", "page")
        documents = [{key: getattr(entry, key) for key in keys} for entry in entries]
        typer.echo(json_format.dumps(documents[0] if name else documents, ensure_ascii=False))
        return
    if name:
        entry = entries[0]
        options = ", ".join(f"{key}={value}" for key, value in entry.options().items()) or "none"
        typer.echo(f"{entry.name} ({entry.task}, {entry.paper}, {entry.year})\n\n{entry.page}\n")
        typer.echo(f"Options: {options}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("model", "task", "paper", "what it is")
    for entry in entries:
        table.add_row(entry.name, entry.task, entry.paper, entry.page.partition(":")[0])
    Console().print(table)
