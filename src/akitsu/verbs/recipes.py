"""The verb `recipes`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "akitsu recipes bccd > mine.yaml"


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this recipe, to be changed.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the built-in recipes, or print one."""
    import json as json_format

    from akitsu.recipes.recipe import built_in, find, load

    if name:
        recipe = load(name)
        text = find(name).read_text(encoding="utf-8")
        typer.echo(json_format.dumps(recipe.model_dump(mode="json")) if json else text, nl=json)
        return
    loaded = [load(each) for each in built_in()]
    if json:
        documents = [recipe.model_dump(mode="json") for recipe in loaded]
        typer.echo(json_format.dumps(documents, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("recipe", "task", "model", "what it trains")
    for recipe in loaded:
        table.add_row(recipe.name, recipe.task, recipe.model.name, recipe.description)
    Console().print(table)
