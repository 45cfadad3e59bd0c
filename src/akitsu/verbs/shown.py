"""How verbs show scores: a table on a terminal, one document for a machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table


def show_metrics(
    document: dict[str, Any],
    *,
    as_json: bool,
    files: Mapping[str, Path] | None = None,
    counted: str = "pictures",
    said: Sequence[str] = (),
) -> None:
    """Print the document of `evaluate`.

    Args:
        document: `task`, `n`, `metrics`.
        as_json: One JSON document on stdout; else a table.
        files: What was written, by what it is.
        counted: What was scored, as in "pictures" or "rows".
        said: Lines between the tables and the files.
    """
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    from akitsu.scores.rules import RULES

    title = f"{document['task']}, {document['n']} {counted}"
    if "rule" in document:
        title += f", {RULES[document['rule']].title}"
    table = Table(title=title, title_justify="left")
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, value, interval in _rows(document["metrics"]):
        table.add_row(name, value, interval)
    console = Console()
    console.print(table)
    if "mistakes" in document:
        console.print(_mistakes(document))
    for line in said:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for what, path in (files or {}).items():
        console.print(f"{what}: {path}", markup=False, highlight=False, soft_wrap=True)


def _mistakes(document: dict[str, Any]) -> Table:
    from rich.table import Table

    from akitsu.scores.table import MISTAKES

    title = f"mistakes at score threshold {document['score_threshold']:.2f}"
    table = Table(title=title, title_justify="left")
    table.add_column("kind")
    table.add_column("how many", justify="right")
    table.add_column("mAP50 if mended", justify="right")
    table.add_column("95 % interval", justify="right")
    for kind, numbers in document["mistakes"].items():
        gain = numbers["map50_gain"]
        texts = ["–", ""]
        if gain["value"] is not None:
            value, low, high = (100 * gain[part] for part in ("value", "low", "high"))
            texts = [f"+{value:.2f}", f"{low:.2f}–{high:.2f}"]
        table.add_row(MISTAKES[kind], str(numbers["count"]), *texts)
    return table


def _rows(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    from akitsu.scores.interval import Estimate
    from akitsu.scores.table import rows

    estimates = {}
    for name, numbers in metrics.items():
        group = numbers if "value" not in numbers else {"": numbers}
        for of_class, each in group.items():
            key = f"{name.removesuffix('_per_class')}/{of_class}" if of_class else name
            value, low, high = (
                float("nan") if each[part] is None else each[part]
                for part in ("value", "low", "high")
            )
            estimates[key] = Estimate(value, low, high, 0)
    return [(row.name, row.value, row.interval) for row in rows(estimates)]
