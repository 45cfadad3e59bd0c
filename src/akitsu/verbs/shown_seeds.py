"""How `train --seeds` shows its scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer


def show_seeds(document: dict[str, Any], *, as_json: bool, picture: Path) -> None:
    """Print mean and interval of each score over the seeds.

    Args:
        document: That of seeds.json.
        as_json: One JSON document on stdout; else a table.
        picture: The plot that was drawn.
    """
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    from akitsu.scores.table import title

    seeds = document["seeds"]
    heading = f"{document['task']}, {document['n']} pictures, seeds {seeds[0]} to {seeds[-1]}"
    table = Table(title=heading, title_justify="left")
    table.add_column("score")
    table.add_column("mean", justify="right")
    table.add_column("95 % interval", justify="right")
    for name in sorted(document["metrics"], key=lambda name: "/" in name):
        table.add_row(title(name), *_texts(name, document["metrics"][name]))
    console = Console()
    console.print(table)
    console.print(f"curves: {picture}", markup=False, highlight=False, soft_wrap=True)


def _texts(name: str, numbers: dict[str, Any]) -> tuple[str, str]:
    from akitsu.scores.table import NOT_SHARES

    mean, low, high = numbers["mean"], numbers["low"], numbers["high"]
    if mean is None:
        return "–", "not in these pictures"
    half = (high - low) / 2
    if name in NOT_SHARES:
        return f"{mean:.3f}", f"± {half:.3f}"
    return f"{100 * mean:.2f} %", f"± {100 * half:.2f}"
