"""The verb `tune`."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLE = "akitsu tune digits --data train.csv.gz --trials 20 --search space.yaml"
# In the order of the table.
STATES = {
    "complete": "to its end",
    "pruned": "stopped early",
    "running": "running",
    "failed": "failed",
}


def tune(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe, or a .yaml file.")],
    data: Annotated[
        Path | None, typer.Option(help="The labelled pictures: a folder or a table.")
    ] = None,
    trials: Annotated[
        int, typer.Option(min=1, help="How many runs, those of all workers together.")
    ] = 20,
    search: Annotated[
        Path | None,
        typer.Option(
            metavar="SPACE.yaml",
            help="What to try; by default learning rate, decay and batch size around the recipe's.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The study's folder; by default runs/RECIPE-tune.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="A database that keeps the study (sqlite:///…, postgresql://…); by default a "
            "journal in the study's folder.",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Throw away the study that is in the folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the study as JSON.")] = False,
) -> None:
    """Search for better values of a recipe: every trial is a run, chosen by Optuna.

    The same command goes on with a study that was interrupted; started several times, its
    processes share the work.
    """
    from akitsu.errors import require

    require("torch", extra="train", purpose="training")
    require("optuna", extra="tune", purpose="a search")
    from rich.console import Console

    from akitsu.files import read_json
    from akitsu.recipes.recipe import load
    from akitsu.recipes.search_space import default_space
    from akitsu.recipes.space_file import load_space

    settings = list(set_ or [])
    if data is not None:
        settings.append(f"data.path={json_format.dumps(str(data.resolve()), ensure_ascii=False)}")
    loaded = load(recipe, settings=settings)
    space = default_space(loaded) if search is None else load_space(search)
    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if search is None:
        say("no --search was given; this is tried (change it in a file of your own):")
        say(space.to_yaml().rstrip())
    from akitsu.recipes.tune import DOCUMENT
    from akitsu.recipes.tune import tune as run

    folder = run(loaded, out, trials=trials, say=say, space=space, storage=storage, force=force)
    document = read_json(folder / DOCUMENT)
    if json:
        typer.echo(json_format.dumps(document, ensure_ascii=False))
    else:
        _show(document, folder)


def _show(document: dict[str, Any], folder: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from akitsu.recipes.study import TRIALS
    from akitsu.recipes.tune import BEST, HISTORY, IMPORTANCE, short_value
    from akitsu.scores.table import title

    keys = list(document["space"])
    done = [row for row in document["trials"] if row["state"] != "running"]
    table = Table(title=f"{document['recipe']}, {len(done)} trials", title_justify="left")
    table.add_column("trial", justify="right")
    table.add_column(title(document["score"]), justify="right")
    table.add_column("state")
    for heading in _headings(keys):
        table.add_column(heading, justify="right", overflow="fold")
    for row in sorted(document["trials"], key=_rank):
        value = "–" if row["value"] is None else f"{100 * row['value']:.2f} %"
        values = [short_value(row["values"][key]) if key in row["values"] else "" for key in keys]
        style = "bold" if row["number"] == document["best"] else None
        table.add_row(str(row["number"]), value, STATES[row["state"]], *values, style=style)
    console = Console()
    console.print(table)
    files = {"history": HISTORY, "importance": IMPORTANCE, "best recipe": BEST}
    if document["best"] is not None:
        files["best model"] = f"{TRIALS}/{document['best']}/model.onnx"
    for what, name in files.items():
        if (folder / name).is_file():
            console.print(f"{what}: {folder / name}", markup=False, highlight=False, soft_wrap=True)


def _rank(row: dict[str, Any]) -> tuple[int, float]:
    """Trials that ran to their end, best first; then those that did not."""
    value = row["value"] if row["value"] is not None else float("-inf")
    return list(STATES).index(row["state"]), -value


def _headings(keys: list[str]) -> list[str]:
    """The last part of each key, where that is no other's too: the terminal is narrow."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return [key if last.count(name) > 1 else name for key, name in zip(keys, last, strict=True)]
