"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "akitsu export runs/bccd/latest --output bccd.onnx"


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    output: Annotated[
        Path | None, typer.Option(help="The model file; by default model.onnx in the run.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the model's card as JSON.")] = False,
) -> None:
    """Write a run as one model file, after comparing its answers with the network's."""
    from akitsu.errors import require
    from akitsu.files import require_absent

    require("torch", extra="train", purpose="exporting a run")
    path = output or run / "model.onnx"
    require_absent(path, force=force)
    from akitsu.recipes.finish import export_run
    from akitsu.recipes.trained import open_run

    card = export_run(open_run(run), path)
    typer.echo(
        card.to_json() if json else f"{path}: {card.task}, {path.stat().st_size / 2**20:.1f} MiB"
    )
