"""The verb `compare`."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from akitsu.classic.comparison import Line
    from akitsu.classic.problem import Problem

EXAMPLE = "akitsu compare flowers.csv --target species --tune"
IRIS = "iris"
MANY = 10_000
"""Rows; the time of an SVM grows with their square at least."""
DOCUMENT, REGIONS, ACCURACY = "compare.json", "regions.png", "accuracy.png"


def compare(
    table: Annotated[
        str, typer.Argument(help="iris, or a table: .csv, .csv.gz, .tsv or .parquet.")
    ],
    target: Annotated[str | None, typer.Option(help="The column with the classes.")] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="A,B", help="The columns to learn from; by default all others (of iris, two)."
        ),
    ] = None,
    without: Annotated[
        str | None, typer.Option(metavar="A,B", help="Columns to leave out of the features.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME", help="These classifiers, and not all eight."),
    ] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Search C, gamma, depth, trees and neighbours in each fold."),
    ] = False,
    folds: Annotated[int, typer.Option(min=2, max=100, help="Of the cross-validation.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of split, folds and classifiers.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Folder; by default runs/compare/TABLE/NUMBER.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in the output folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare the classic classifiers on a table: accuracy with its interval, errors, time.

    Writes their decision regions and accuracies as pictures, and each classifier as a model file
    that `akitsu predict` runs. No PyTorch is needed.
    """
    from akitsu.errors import require

    require("sklearn", extra="train", purpose="a comparison")
    from akitsu.classic.classifiers import CLASSIFIERS, classifier
    from akitsu.classic.comparison import comparison_document
    from akitsu.files import whole_folder, write_json

    names = list(CLASSIFIERS) if only is None else [classifier(n).name for n in _names(only)]
    problem = _problem(
        table, target=target, features=features, without=without, folds=folds, seed=seed
    )
    place = output or _next_folder(problem)
    with whole_folder(place, force=force) as folder:
        lines = _compared(problem, names, folds=folds, seed=seed, tune=tune)
        document = comparison_document(problem, lines, folds=folds, seed=seed, tune=tune)
        document["files"] = _write(folder, problem, lines, seed=seed)
        write_json(folder / DOCUMENT, document)
    if json:
        shown = document | {"folder": str(place)}
        typer.echo(json_format.dumps(shown, ensure_ascii=False))
    else:
        _show(document, lines, place)


def _names(text: str) -> list[str]:
    """Names between commas; one that has a comma itself stands in double quotes."""
    import csv

    return [name.strip() for row in csv.reader([text]) for name in row if name.strip()]


def _problem(
    table: str,
    *,
    target: str | None,
    features: str | None,
    without: str | None,
    folds: int,
    seed: int,
) -> Problem:
    from akitsu.classic.problem import SPECIES, iris_problem, iris_table, make_problem
    from akitsu.classic.table import listed, read_table
    from akitsu.errors import DataError, nearest

    options: dict[str, Any] = {
        "features": None if features is None else _names(features),
        "without": _names(without or ""),
        "folds": folds,
        "seed": seed,
    }
    if table == IRIS and target in (None, SPECIES):
        return iris_problem(**options)
    path = Path(table)
    if not path.suffix and not path.exists() and table != IRIS:
        do = nearest(table, [IRIS], otherwise="name iris, or a file such as table.csv")
        raise DataError(f"there is no table {table!r}", do=do)
    read = iris_table() if table == IRIS else read_table(path)
    if target is None:
        columns = listed(read.columns)
        do = f"name the column with the classes with --target: {columns}"
        raise DataError("no target is given", where=table, do=do)
    return make_problem(read, target=target, **options)


def _next_folder(problem: Problem) -> Path:
    name = problem.title.partition(".")[0] or "table"
    root = Path("runs") / "compare" / name
    numbers = [int(path.name) for path in root.glob("*") if path.name.isdecimal()]
    return root / str(max(numbers, default=0) + 1)


def _compared(
    problem: Problem, names: Sequence[str], *, folds: int, seed: int, tune: bool
) -> list[Line]:
    from rich.console import Console
    from rich.progress import Progress

    from akitsu.classic.comparison import compare as run
    from akitsu.classic.comparison import fits

    console = Console(stderr=True)
    rows = len(problem.labels)
    if rows > MANY and any("svm" in name for name in names):
        advice = f"{rows} rows: the SVMs may take many minutes; --only NAME,NAME leaves them out"
        console.print(advice, markup=False, highlight=False, soft_wrap=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        total = fits(problem, count=len(names), folds=folds, tune=tune)
        task = progress.add_task("comparing", total=total)
        return run(
            problem,
            names=names,
            folds=folds,
            seed=seed,
            tune=tune,
            advance=lambda: progress.advance(task),
        )


def _write(folder: Path, problem: Problem, lines: Sequence[Line], *, seed: int) -> dict[str, Any]:
    """The pictures and the model files; the names of what was written."""
    from akitsu.classic.export import export_line
    from akitsu.classic.pictures import draw_accuracies, draw_all_regions
    from akitsu.classic.plane import plane_of

    plane = plane_of(problem)
    if plane is not None:
        draw_all_regions(folder / REGIONS, problem, lines, plane=plane)
    draw_accuracies(folder / ACCURACY, problem, lines)
    models = {}
    for line in lines:
        models[line.entry.name] = f"{line.entry.name}.onnx"
        export_line(folder / models[line.entry.name], problem, line, seed=seed)
    regions = {"regions": REGIONS} if plane is not None else {}
    return {**regions, "accuracy": ACCURACY, "models": models}


def _show(document: dict[str, Any], lines: Sequence[Line], place: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    split, folds = document["split"], document["cross_validation"]
    title = (
        f"{Path(document['table']).name}: {document['n']} rows, {len(document['classes'])} classes"
    )
    table = Table(title=title, title_justify="left")
    table.add_column("classifier", no_wrap=True)
    table.add_column("accuracy, %\n(95 % interval)", justify="right", no_wrap=True)
    for heading in (f"wrong\nof {split['test']}", "train\n%", "fit\nms", "µs a\nrow"):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(
            line.entry.title,
            str(line.accuracy).replace(" %", "", 1),
            str(line.misclassified),
            f"{100 * line.train_accuracy:.1f}",
            f"{1e3 * line.fit_s:.1f}",
            f"{1e6 * line.predict_s:.1f}",
        )
    console = Console()
    console.print(table)
    majority = document["majority"]
    notes = [
        f"accuracy: {folds['folds']} folds, cut {folds['repeats']} "
        f"time{'s' if folds['repeats'] > 1 else ''}; "
        f"always {majority['class']!r}: {100 * majority['accuracy']:.2f} %",
        *_choices(document, lines),
        *_unsettled(lines),
        *_files(document, place),
    ]
    for note in notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)


def _choices(document: dict[str, Any], lines: Sequence[Line]) -> list[str]:
    if not document["tuned"]:
        return []
    sentences = []
    for line in lines:
        if not line.chosen:
            sentences.append(f"{line.entry.title}: nothing is searched")
            continue
        agreeing = sum(chosen == line.chosen for chosen in line.chosen_by_fold)
        values = ", ".join(f"{key} {_short(value)}" for key, value in line.chosen.items())
        total = len(line.chosen_by_fold)
        sentences.append(f"{line.entry.title}: {values}, as in {agreeing} of {total} folds")
    return sentences


def _short(value: Any) -> str:
    return "any" if value is None else f"{value:g}"


def _unsettled(lines: Sequence[Line]) -> list[str]:
    return [
        f"{line.entry.title} ran out of steps; its borders may still move"
        for line in lines
        if not line.is_settled
    ]


def _files(document: dict[str, Any], place: Path) -> list[str]:
    files = document["files"]
    if "regions" in files:
        regions = f"decision regions: {place / files['regions']}"
    else:
        regions = "decision regions: none, since one feature makes no plane"
    first = next(iter(files["models"].values()))
    return [
        regions,
        f"accuracies: {place / files['accuracy']}",
        f"everything as JSON: {place / DOCUMENT}",
        f"model files: {place / first}"
        + (f" and {len(files['models']) - 1} more" if len(files["models"]) > 1 else ""),
    ]
