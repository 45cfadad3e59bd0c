"""How `predict` and `evaluate` take a model file that answers rows of a table."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from akitsu.classic.table import Table
    from akitsu.runtime.table_recognizer import TableRecognizer

HEADER = ("row", "label", "probability")


def predict_features(
    recognizer: TableRecognizer,
    inputs: Sequence[Path],
    output: Path,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Write the class of every row of a table, with its probability.

    Args:
        recognizer: The model file, open.
        inputs: One table with the model's features; other columns are passed over.
        output: A CSV of row (from 1), label and probability.
        force: Replace what is there.
        as_json: Say how many rows of each class there are as one JSON document.

    Raises:
        DataError: If there is not one table, or it does not fit the model.
        OutputError: If the file is there and `force` is False.
    """
    from akitsu.classic.table import read_table
    from akitsu.errors import DataError
    from akitsu.files import require_absent, write_text

    if len(inputs) != 1:
        what = f"{len(inputs)} inputs, and this model answers one table of features at a time"
        raise DataError(what, do="name one .csv or .parquet")
    require_absent(output, force=force)  # before the work, not after it
    table = read_table(inputs[0])
    probabilities = _answers(recognizer, table)
    labels = probabilities.argmax(1)
    names = [recognizer.classes[label] for label in labels]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    best = probabilities[range(len(labels)), labels].tolist()
    for row, (name, probability) in enumerate(zip(names, best, strict=True), 1):
        writer.writerow((row, name, f"{probability:.4f}"))
    write_text(output, text.getvalue(), force=force)
    counts = {name: Counter(names)[name] for name in recognizer.classes}
    document = {"task": recognizer.task, "rows": len(names), "classes": counts, "file": str(output)}
    shown = ", ".join(f"{name} {count}" for name, count in counts.items())
    sentence = f"{len(names)} rows: {output} ({shown})"
    typer.echo(json.dumps(document, ensure_ascii=False) if as_json else sentence)


def evaluate_features(
    recognizer: TableRecognizer,
    data: Path | None,
    *,
    model: Path,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Score a model file on a labelled table: accuracy with its interval, and what was confused.

    Args:
        recognizer: The model file, open.
        data: A table with the model's features and its target.
        model: Where the model file is; by default the pictures go beside it.
        output: Folder for them.
        force: Replace what is in it.
        as_json: Print one JSON document.

    Raises:
        DataError: If there is no table, or it does not fit the model.
        OutputError: If the folder is not empty and `force` is False.
    """
    from akitsu.classic.problem import labels_in
    from akitsu.classic.table import read_table
    from akitsu.errors import DataError
    from akitsu.files import whole_folder, write_json
    from akitsu.scores.classification import ClassificationScores
    from akitsu.scores.table import metrics_document
    from akitsu.verbs.shown import show_metrics

    if data is None:
        do = "name a labelled table with --data"
        raise DataError("a model of a table has no table of its own", where=model, do=do)
    table = read_table(data)
    labels = labels_in(table, str(recognizer.card.data.get("target", "")), recognizer.classes)
    scores = ClassificationScores(recognizer.classes)
    places = [table.where(row) for row in range(len(table))]
    scores.add_batch(_answers(recognizer, table), labels, places)
    document = metrics_document(recognizer.task, len(scores), scores.metrics())
    place = output or model.parent / f"evaluation-{data.name.partition('.')[0]}"
    files = {}
    with whole_folder(place, force=force or output is None) as folder:
        write_json(folder / "metrics.json", document)
        if find_spec("matplotlib") is not None:
            from akitsu.report.confusion import draw_confusion

            draw_confusion(
                folder / "confusion.png", scores.confusion, classes=scores.classes, counted="rows"
            )
            files["confusion"] = place / "confusion.png"
    show_metrics(document, as_json=as_json, files=files, counted="rows")


def _answers(recognizer: TableRecognizer, table: Table) -> Any:
    inputs = recognizer.encode(table.columns, where=table.where, table=table.name)
    return recognizer.predict_inputs(inputs)["probabilities"]
