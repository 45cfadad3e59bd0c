"""The verb `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from akitsu.deploy.benchmark import Subject

EXAMPLE = "akitsu bench squeezenet1_1 resnet18 mobilenet_v3_small --threads 1"
OUTPUT = Path("runs/bench")
# Of detectors: pixels a side, and boxes that are looked at twice.
SIDES, PROPOSALS = (48, 64, 96), (10, 50)


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Registered names, run folders, or .onnx files."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every registered network.")] = False,
    task: Annotated[
        str,
        typer.Option(help="Of --all: the question. detection compares precision and time instead."),
    ] = "classification",
    threads: Annotated[
        int | None, typer.Option(min=1, help="By default those that the container grants.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 1,
    input_hw: Annotated[
        tuple[int, int] | None,
        typer.Option(metavar="H W", help="Rows and columns; by default each network's own."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each has its turn.")] = 5,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Time registered names in onnxruntime too (slow export).")
    ] = False,
    side: Annotated[
        list[int] | None,
        typer.Option(
            min=16, help="Of detection: pixels; may be said again. By default 48, 64, 96."
        ),
    ] = None,
    proposals: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Of detectors that look twice; may be said again. By default 10, 50."
        ),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of detection: of each training.")] = 300,
    seed: Annotated[int, typer.Option(help="Of detection: of each training.")] = 0,
    budget: Annotated[
        float | None,
        typer.Option(metavar="MS", help="Of detection: name the best that takes no longer."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Of detection: labelled pictures to score files on.")
    ] = None,
    split: Annotated[str, typer.Option(help="Of --data.")] = "val",
    format: Annotated[str | None, typer.Option(help="Of --data: the set's format.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for bench.json and bench.png.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in the output folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure networks side by side: parameters, multiply-adds, activations, time, accuracy.

    Files and runs need no PyTorch. Other busy processes make the times worthless.
    """
    import json as json_format
    from importlib.util import find_spec

    from rich.console import Console

    from akitsu.deploy.benchmark import measure
    from akitsu.files import whole_folder, write_json
    from akitsu.recipes.directory import environment
    from akitsu.runtime.threads import available_threads

    console = Console(stderr=True)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    wanted = threads or available_threads()
    if task == "detection":
        from akitsu.verbs.bench_detection import Wanted, bench_detectors

        asked = Wanted(
            names=models or [],
            sides=side or SIDES,
            proposals=proposals or PROPOSALS,
            steps=steps,
            seed=seed,
            data=data,
            split=split,
            format=format,
            threads=wanted,
            rounds=rounds,
            budget_ms=budget,
        )
        bench_detectors(asked, output=output, force=force, as_json=json, say=say)
        return
    names = _names(models or [], every=all_, task=task)
    subjects = []
    for name in names:
        say(f"counting {name}")
        subjects.append(_subject(name, batch, input_hw, threads=wanted, to_onnx=onnx))
    document = measure(subjects, batch=batch, rounds=rounds, say=say)
    document = {"environment": environment() | {"threads": wanted}, **document}
    place = output or OUTPUT
    with whole_folder(place, force=force or output is None) as folder:
        write_json(folder / "bench.json", document)
        if find_spec("matplotlib") is None:
            say('a picture needs matplotlib: pip install "akitsu[train]"')
        else:
            from akitsu.report.bench import draw_bench

            draw_bench(folder / "bench.png", document)
    if json:
        typer.echo(json_format.dumps(document, ensure_ascii=False))
    else:
        _show(document, place)


def _names(given: list[str], *, every: bool, task: str) -> list[str]:
    """Each once; with --all those of the registry."""
    from akitsu.errors import RecipeError, require

    if not every:
        if not given:
            raise RecipeError("no model was named", do="name one, or say --all")
        return list(dict.fromkeys(given))
    require("torch", extra="train", purpose="building networks")
    from akitsu.models import registry

    known = [name for name, entry in registry.entries().items() if entry.task == task]
    if not known:
        what = f"no network answers {task!r}"
        raise RecipeError(what, where="--task", do="write classification, detection, segmentation")
    return list(dict.fromkeys([*known, *given]))


def _subject(
    name: str, batch: int, input_hw: tuple[int, int] | None, *, threads: int, to_onnx: bool
) -> Subject:
    from akitsu.deploy.benchmark import model_file
    from akitsu.errors import require

    if name.endswith(".onnx") or Path(name).is_dir():
        return model_file(Path(name), name=name, batch=batch, input_hw=input_hw, threads=threads)
    require("torch", extra="train", purpose="building networks (a .onnx file needs none)")
    import torch

    from akitsu.deploy.bench_networks import network

    torch.set_num_threads(threads)
    return network(name, batch=batch, input_hw=input_hw, threads=threads, to_onnx=to_onnx)


def _show(document: dict[str, Any], place: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from akitsu.deploy.benchmark import shown_latency

    machine = document["environment"]
    title = f"{machine['processor']}, {machine['threads']} threads, batch {document['batch']}"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("model", overflow="fold", min_width=12)
    for heading in (
        "top-1 %",
        "M par.",
        "%/M",
        "GMAC",
        "MB act.",
        "MB file",
        "ms",
        "p95",
        "GMAC/s",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in sorted(document["models"], key=lambda row: (row["macs"], row["name"])):
        peak, times = row["peak_activation_bytes"], shown_latency(row)
        style = "bold" if row["name"] in document["front"] else None
        table.add_row(
            row["name"],
            _number(row["top1"], 1),
            _number(row["parameters"] / 1e6, 2),
            _number(row["top1_per_million"], 1),
            _number(row["macs"] / 1e9, 3),
            _number(None if peak is None else peak / 1e6, 1),
            _number(row["file_bytes"] / 1e6, 1),
            _number(times["median_ms"], 1),
            _number(times["p95_ms"], 1),
            _number(row["gmacs_per_s"], 1),
            style=style,
        )
    console = Console()
    console.print(table)
    if document["front"]:
        console.print("bold: no other is more accurate for as few multiply-adds")
    for what, name in (("numbers", "bench.json"), ("picture", "bench.png")):
        if (place / name).is_file():
            console.print(f"{what}: {place / name}", markup=False, highlight=False, soft_wrap=True)


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
