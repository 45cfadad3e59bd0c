"""The verb `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "akitsu train digits --data train.csv.gz"


def train(
    recipe: Annotated[str, typer.Argument(help="A built-in recipe, or a .yaml file.")],
    data: Annotated[
        Path | None, typer.Option(help="The labelled pictures: a folder or a table.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder; by default runs/RECIPE/N.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one key of the recipe."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="N",
            help="Run N seeds, each in its own folder, and give mean and interval of their scores.",
        ),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Train in N processes, one a device, together."),
    ] = None,
    tile: Annotated[
        bool,
        typer.Option(
            "--tile", help="For small things in large pictures: learn from and look at tiles."
        ),
    ] = False,
    predict: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Answer this table of pixels as soon as there are weights: submission.csv in "
            "the run's folder.",
        ),
    ] = None,
    skip_broken: Annotated[
        bool,
        typer.Option(
            "--skip-broken", help="Leave out broken pictures and labels instead of stopping."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the run that is in the folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Train a recipe, score it, and export one model file.

    The same command on an unfinished run goes on where it stopped.
    """
    from akitsu.errors import require

    require("torch", extra="train", purpose="training")
    from rich.console import Console

    from akitsu.files import read_json
    from akitsu.recipes.directory import METRICS, SUBMISSION
    from akitsu.recipes.recipe import load
    from akitsu.runtime.tiles import OVERLAP
    from akitsu.verbs.shown import show_metrics

    if predict is not None and seeds is not None:
        raise typer.BadParameter("--predict answers with one run: leave --seeds out")
    settings = list(set_ or [])
    if data is not None:
        settings.append(f"data.path={_quoted(data)}")
    if devices is not None:
        settings.append(f"engine.devices={devices}")
    if tile:
        settings.append(f"model.tile_overlap={OVERLAP}")
    if skip_broken:
        settings.append("data.skip_broken=true")
    loaded = load(recipe, settings=settings)
    from akitsu.recipes.engine import is_first_process
    from akitsu.recipes.train import train as run

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    if seeds is not None:
        from akitsu.recipes.seeds import DOCUMENT, PICTURE, train_seeds
        from akitsu.verbs.shown_seeds import show_seeds

        folder = train_seeds(loaded, out, seeds=seeds, say=say, force=force)
        show_seeds(read_json(folder / DOCUMENT), as_json=json, picture=folder / PICTURE)
        return
    folder = run(loaded, out, say=say, force=force, answer=predict)
    if not is_first_process():
        return
    files = {"model": folder / "model.onnx", "report": folder / "report.html"}
    if predict is not None:
        files = {"submission": folder / SUBMISSION, **files}
    show_metrics(read_json(folder / METRICS), as_json=json, files=files)


def _quoted(path: Path) -> str:
    import json

    return json.dumps(str(path.resolve()), ensure_ascii=False)
