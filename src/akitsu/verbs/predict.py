"""The verb `predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from akitsu.verbs.bulk_output import is_table_of_rows, predict_rows, require_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.results import Result

    # A frame to the frame with its result drawn on it, and the entry in predictions.json.
    Shower = Callable[[NDArray[np.uint8]], tuple[NDArray[np.uint8], dict[str, Any]]]

EXAMPLE = "akitsu predict runs/digits/latest test.csv.gz --output submission.csv"
TABLES = (".csv", ".csv.gz")


class Engine(StrEnum):
    """Who fills a .parquet table."""

    local = "local"
    ray = "ray"


def predict(
    target: Annotated[Path, typer.Argument(help="A run's folder, or a model file (.onnx).")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders, or one table, of pixels or of a model's features; for a "
            ".parquet output also tar archives, Parquet files and addresses (s3://…)."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            help="submission.csv for a table of pixels, predictions.csv for one of features; a "
            "folder for pictures (predictions); "
            "X.parquet for a row a picture, however many there are."
        ),
    ] = None,
    score_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave out boxes that score less.")
    ] = None,
    tile: Annotated[
        bool,
        typer.Option(
            "--tile", help="For small things in large pictures: look at overlapping tiles, too."
        ),
    ] = False,
    engine: Annotated[
        Engine | None,
        typer.Option(help="Fill X.parquet in this process (local), or by many workers (ray)."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of local, or workers of ray; without it, all there are."),
    ] = None,
    masks: Annotated[bool, typer.Option("--masks", help="Keep each mask in X.parquet.")] = False,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Do the broken pictures in X.parquet again.")
    ] = False,
    cam: Annotated[
        bool,
        typer.Option("--cam", help="Show where in a picture its class was seen (a run; PyTorch)."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in the output.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
) -> None:
    """Recognise pictures, or every row of a table.

    A table of pixels gives a submission (ImageId,Label), and one of features, for a model of
    `akitsu compare`, row, label and probability; pictures give predictions.json and each picture
    with its result drawn on it. With --output X.parquet each picture becomes a row, a broken one a
    row with its error, and a command that was killed goes on where it was. No PyTorch is needed,
    but for --cam.
    """
    if cam:
        _require_pictures(inputs, output)
    if output is not None and is_table_of_rows(output):
        if tile:
            raise typer.BadParameter(
                "--tile is for pictures in a folder; a model that was trained with it looks at "
                "tiles for a .parquet table, too"
            )
        predict_rows(
            target,
            inputs,
            output,
            as_json=json,
            score_threshold=score_threshold,
            masks=masks,
            engine=engine or Engine.local,
            workers=workers,
            force=force,
            retry_errors=retry_errors,
        )
        return
    asked = {"--engine": engine, "--workers": workers, "--masks": masks}
    require_rows(inputs, {**asked, "--retry-errors": retry_errors})
    from akitsu import load
    from akitsu.runtime.table_recognizer import TableRecognizer
    from akitsu.runtime.tiles import OVERLAP

    recognizer = load(target, tile_overlap=OVERLAP if tile else None)
    paths = [Path(text) for text in inputs]
    if isinstance(recognizer, TableRecognizer):
        from akitsu.verbs.feature_rows import predict_features

        place = output or Path("predictions.csv")
        predict_features(recognizer, paths, place, force=force, as_json=json)
    elif len(paths) == 1 and paths[0].name.lower().endswith(TABLES):
        _predict_table(recognizer, paths[0], output or Path("submission.csv"), force, json)
    else:
        if cam:
            from akitsu.verbs.class_maps import class_map_shower

            show = class_map_shower(target)
        else:
            show = _result_shower(recognizer, score_threshold)
        _predict_pictures(recognizer, paths, output or Path("predictions"), show, force, json)


def _require_pictures(inputs: list[str], output: Path | None) -> None:
    from akitsu.errors import DataError

    if is_table_of_rows(output) or any(text.lower().endswith(TABLES) for text in inputs):
        raise DataError(
            "class activation maps are drawn on pictures, and there is a table",
            where="--cam",
            do="name pictures, and a folder for the output",
        )


def _result_shower(recognizer: Recognizer, score_threshold: float | None) -> Shower:
    def show(frame: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        result = recognizer(frame, score_threshold=score_threshold)
        return result.draw(frame), _entry(result)

    return show


def _predict_table(
    recognizer: Recognizer, table: Path, output: Path, force: bool, as_json: bool
) -> None:
    from akitsu.report.submission import write_submission

    given = write_submission(
        recognizer.predict_inputs, table, output, card=recognizer.card, force=force
    )
    _end(
        {"file": str(output), **given.to_json()},
        f"{given.rows} rows: {output}\n{given}\nleast sure of: {given.least_sure}",
        as_json,
    )


def _predict_pictures(
    recognizer: Recognizer,
    inputs: list[Path],
    output: Path,
    show: Shower,
    force: bool,
    as_json: bool,
) -> None:
    from rich.console import Console
    from rich.progress import track

    from akitsu.files import whole_folder, write_json
    from akitsu.runtime.pictures import read_picture, write_picture

    paths = _pictures(inputs)
    entries = []
    console = Console(stderr=True)
    with whole_folder(output, force=force) as folder:
        for path, name in track(
            paths,
            description="recognising",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ):
            drawn, entry = show(read_picture(path))
            write_picture(folder / name, drawn)
            entries.append({"file": str(path), "drawn": name, **entry})
        document = {"task": recognizer.task, "classes": recognizer.classes, "predictions": entries}
        write_json(folder / "predictions.json", document)
    _end(
        document,
        f"{len(entries)} pictures: {output / 'predictions.json'}, and each with its result drawn",
        as_json,
    )


def _pictures(inputs: Iterable[Path]) -> list[tuple[Path, str]]:
    """Every picture with a name of its own for its drawing."""
    from akitsu.errors import DataError
    from akitsu.runtime.pictures import list_pictures

    paths: list[Path] = []
    for path in inputs:
        found = list_pictures(path) if path.is_dir() else [path]
        if not found:
            raise DataError("there are no pictures here", where=path, do="name another folder")
        paths += found
    names: set[str] = set()
    pairs = []
    for path in paths:
        name, number = f"{path.stem}.png", 1
        while name in names:
            number += 1
            name = f"{path.stem}-{number}.png"
        names.add(name)
        pairs.append((path, name))
    return pairs


def _entry(result: Result) -> dict[str, Any]:
    from akitsu.runtime.results import Classification, Detections

    if isinstance(result, Classification):
        return {"class": result.name, "score": round(result.score, 4)}
    if isinstance(result, Detections):
        return {
            "objects": [
                {
                    "class": result.classes[label],
                    "score": round(float(score), 4),
                    "box": [round(float(side), 1) for side in box],
                }
                for box, score, label in zip(
                    result.boxes, result.scores, result.labels, strict=True
                )
            ]
        }
    shares = {name: round(share, 4) for name, share in result.shares().items() if share}
    return {"shares": shares}


def _end(document: dict[str, Any], sentence: str, as_json: bool) -> None:
    import json

    typer.echo(json.dumps(document, ensure_ascii=False) if as_json else sentence)
