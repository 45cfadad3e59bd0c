"""How `evaluate --dissect` names the units of a layer: a table, and what each looks at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from akitsu.errors import DataError, require

if TYPE_CHECKING:
    from akitsu.models.classification.dissection import Dissection

SHOWN_UNITS, SHOWN_PICTURES = 8, 4


def dissect_run(
    run: Path,
    layer: str,
    *,
    concepts: Path | None,
    split: str,
    quantile: float,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Print which concept each unit of the layer stands for, and write the same with pictures.

    Raises:
        DataError: If `run` is a model file, or no concepts are named.
        RecipeError: If the network has no such layer.
        OutputError: If the output folder is not empty and `force` is False.
    """
    if not run.is_dir():
        raise DataError(
            "a model file does not show its layers", where=run, do="name the folder of its run"
        )
    if concepts is None:
        raise DataError(
            "units are compared with labelled pixels, and none are named",
            where="--dissect",
            do="name a segmentation set with --concepts",
        )
    require("torch", extra="train", purpose="--dissect")
    from akitsu.data.formats.registry import read
    from akitsu.files import whole_folder, write_json
    from akitsu.models.classification.dissection import IOU_THRESHOLD
    from akitsu.recipes.dissected import RunDissection
    from akitsu.recipes.trained import open_run
    from akitsu.report.units import draw_units

    place = output or run / f"dissection-{layer}"
    task = RunDissection(open_run(run), layer, read(concepts, split), progress=_progress)
    with whole_folder(place, force=force or output is None) as folder:
        found = task.dissect(quantile=quantile, iou_threshold=IOU_THRESHOLD)
        shown = task.show(found, units=SHOWN_UNITS, pictures=SHOWN_PICTURES)
        rows = [(f"unit {u.unit}\n{u.concept}\nIoU {u.iou:.3f}", u.frames) for u in shown]
        draw_units(folder / "units.png", rows)
        document = _document(found, layer, quantile=quantile)
        write_json(folder / "units.json", document)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        _show(document, place)


def _progress(indices: Sequence[int]) -> Iterable[int]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(
        indices,
        description="dissecting",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _document(found: Dissection, layer: str, *, quantile: float) -> dict[str, Any]:
    labels, values = found.best()
    units = [
        {"unit": unit, "concept": found.concepts[label], "iou": round(value, 4)}
        for unit, (label, value) in enumerate(zip(labels.tolist(), values.tolist(), strict=True))
    ]
    return {
        "layer": layer,
        "quantile": quantile,
        "iou_threshold": found.iou_threshold,
        "detectors": len(found.detectors()),
        "unique_detectors": found.unique(),
        "units": units,
    }


def _show(document: dict[str, Any], place: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    limit, units = document["iou_threshold"], document["units"]
    table = Table(title=f"{document['layer']}, {len(units)} units", title_justify="left")
    for column in ("concept", "units", "best unit", "IoU"):
        table.add_column(column, justify="left" if column == "concept" else "right")
    by_concept: dict[str, list[dict[str, Any]]] = {}
    for unit in sorted(units, key=lambda each: -each["iou"]):
        if unit["iou"] >= limit:
            by_concept.setdefault(unit["concept"], []).append(unit)
    for concept, named in by_concept.items():
        best = named[0]
        table.add_row(concept, str(len(named)), str(best["unit"]), f"{best['iou']:.3f}")
    console = Console()
    console.print(table)
    console.print(
        f"{document['detectors']} units overlap at {limit:g} or more, with "
        f"{document['unique_detectors']} different concepts: {place / 'units.json'}, and what they "
        f"look at: {place / 'units.png'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
