"""The verb `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from akitsu.deploy.int8 import Int8

EXAMPLE = "akitsu export runs/bccd/latest --output bccd.onnx"


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder; with --int8 also a model file.")],
    output: Annotated[
        Path | None,
        typer.Option(help="The model file; by default model.onnx, or model-int8.onnx, in the run."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Compute in 8 bits: smaller, faster; what it costs is measured and shown.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="The run's pictures, where they moved; a model file knows none."),
    ] = None,
    pictures: Annotated[
        int,
        typer.Option(min=1, help="Of --int8: training pictures that calibrate, at most so many."),
    ] = 50,
    seed: Annotated[int, typer.Option(min=0, help="Of --int8: which pictures calibrate.")] = 0,
    most_loss: Annotated[
        float,
        typer.Option(
            min=0, help="Of --int8: refuse a file that loses more points of the deciding score."
        ),
    ] = 1.0,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the model's card as JSON.")] = False,
) -> None:
    """Write a run as one model file, after comparing its answers with the network's."""
    from akitsu.errors import require
    from akitsu.files import require_absent

    require("torch", extra="train", purpose="exporting a run")
    folder = run if run.is_dir() else run.parent
    path = output or folder / ("model-int8.onnx" if int8 else "model.onnx")
    require_absent(path, force=force)
    if int8:
        from akitsu.deploy.int8 import Calibration

        calibration = Calibration(pictures, seed, most_loss)
        show = None if json else _show
        card = _export_int8(run, path, data=data, calibration=calibration, show=show).card
    else:
        from akitsu.recipes.finish import export_run
        from akitsu.recipes.trained import open_run

        card = export_run(open_run(run), path, data=data)
    typer.echo(
        card.to_json() if json else f"{path}: {card.task}, {path.stat().st_size / 2**20:.1f} MiB"
    )


def _export_int8(
    target: Path, path: Path, *, data: Path | None, calibration: Any, show: Any
) -> Int8:
    from rich.console import Console
    from rich.progress import track

    from akitsu.deploy.int8 import write_int8

    console = Console(stderr=True)

    def progress(indices: Any) -> Any:
        return track(
            indices,
            description="scoring",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    more: dict[str, Any] = {"calibration": calibration, "progress": progress}
    if show is not None:
        more["show"] = show
    if target.is_dir():
        from akitsu.recipes.int8 import int8_run
        from akitsu.recipes.trained import open_run

        return int8_run(open_run(target), path, data=data, **more)
    from akitsu.data.formats.registry import ReaderOptions, read
    from akitsu.runtime.recognizer import Recognizer

    card = Recognizer(target).card
    options = ReaderOptions(classes=card.classes, ignore=card.data.get("ignore"))
    name = card.data.get("format")
    training, validation = (
        read(data, split, format=name, options=options) for split in ("train", "val")
    )
    return write_int8(target, path, training=training, validation=validation, **more)


def _show(outcome: Int8) -> None:
    """A table of what int8 costs, and a line on what is computed how."""
    from rich.console import Console
    from rich.table import Table

    from akitsu.scores.table import title

    console = Console()
    stated = outcome.card.quantisation
    name = title(outcome.metric)
    table = Table(title=f"{name}, {outcome.int8.n} pictures", title_justify="left")
    table.add_column("computed in")
    table.add_column(name, justify="right")
    table.add_column("95 % interval", justify="right")
    for what, each in (("float32", outcome.float32), ("int8", outcome.int8)):
        table.add_row(
            what, f"{100 * each.value:.2f} %", f"{100 * each.low:.2f}–{100 * each.high:.2f}"
        )
    apart = outcome.difference
    table.add_row(
        "difference, in points",
        f"{100 * apart.value:+.2f}",
        f"{100 * apart.low:+.2f} to {100 * apart.high:+.2f}",
    )
    console.print(table)
    layers = stated["layers"]
    console.print(
        f"{layers['int8']} layers in int8, {layers['float32']} in float32 (the first and the last "
        f"ones); calibrated on {stated['calibration_pictures']} training pictures, seed "
        f"{stated['seed']}.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
