"""The verb `import`; the name of a file that would be a word of Python ends in an underscore."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "akitsu import squeezenet_v1.0_deep_compression.net --output squeezenet.onnx"


def import_(
    file: Annotated[Path, typer.Argument(help="The foreign file of weights, or Darknet's .cfg.")],
    weights: Annotated[
        Path | None,
        typer.Argument(help="Darknet's .weights; by default those beside the .cfg."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "--out", "-o", help="The model file; by default FILE.onnx here."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The network, where the file does not tell: resnet18.")
    ] = None,
    classes: Annotated[
        Path | None, typer.Option(help="A file with one class name a line, in order.")
    ] = None,
    input_hw: Annotated[
        tuple[int, int] | None, typer.Option(help="Rows and columns of the input, as in 224 224.")
    ] = None,
    mean: Annotated[
        str | None, typer.Option(help="By channel, on the scale 0-1, commas between.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Likewise.")] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the model file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the model's card as JSON.")] = False,
) -> None:
    """Turn foreign weights into a model file, ready for `watch`, `predict` and `evaluate`.

    The kind of file is found by looking. No file is unpickled.
    """
    from akitsu.errors import require

    require("torch", extra="train", purpose="importing weights")
    from akitsu.deploy.foreign import import_file
    from akitsu.weights.importers import Said

    said = Said(
        model=model,
        classes=None if classes is None else _names(classes),
        input_hw=input_hw,
        mean=_numbers(mean, "--mean"),
        std=_numbers(std, "--std"),
        licence=licence,
        weights=weights,
    )
    path = output or Path(file.with_suffix(".onnx").name)
    card = import_file(file, path, said=said, force=force)
    if json:
        typer.echo(card.to_json())
        return
    size = path.stat().st_size / 2**20
    typer.echo(f"{path}: {card.task} by {card.model}, {len(card.classes)} classes, {size:.1f} MiB")
    typer.echo(f"licence of the weights: {card.licence}")


def _names(path: Path) -> tuple[str, ...]:
    from akitsu.data.formats.class_names import listed_names

    return tuple(listed_names(path))


def _numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    from akitsu.errors import RecipeError

    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        do = "write one number a channel with commas between, as in 0.485,0.456,0.406"
        raise RecipeError(f"{text!r} are no numbers", where=option, do=do) from error
