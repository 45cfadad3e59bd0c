"""`akitsu bench --task detection`: precision beside time, and the best within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from akitsu.claims.detector_bench import Candidate

OUTPUT = Path("runs/bench-detection")
PICTURE = "bench.png"


@dataclass(frozen=True)
class Wanted:
    """What shall be compared.

    Attributes:
        names: Registered detectors, or model files and runs; none: ours that are small.
        sides: Of the pictures that the registered ones are trained on.
        proposals: Of those that look twice.
        steps: Of each training.
        seed: Of each training.
        data: Labelled pictures for model files.
        split: Of these.
        format: Of these.
        threads: CPU threads.
        rounds: How often each has its turn.
        budget_ms: What the best may take at most.
    """

    names: Sequence[str]
    sides: Sequence[int]
    proposals: Sequence[int]
    steps: int
    seed: int
    data: Path | None
    split: str
    format: str | None
    threads: int
    rounds: int
    budget_ms: float | None


def bench_detectors(
    wanted: Wanted, *, output: Path | None, force: bool, as_json: bool, say: Callable[[str], None]
) -> None:
    """Train or score, time, draw, and print."""
    import json
    from importlib.util import find_spec

    from akitsu.claims.detector_bench import measure
    from akitsu.files import whole_folder, write_json
    from akitsu.recipes.directory import environment

    candidates = _candidates(wanted, say)
    document = measure(candidates, rounds=wanted.rounds, budget_ms=wanted.budget_ms, say=say)
    settings = {"steps": wanted.steps, "seed": wanted.seed} if not _files(wanted.names) else {}
    machine = environment() | {"threads": wanted.threads}
    document = {"environment": machine, "training": settings or None, **document}
    place = output or OUTPUT
    with whole_folder(place, force=force or output is None) as folder:
        write_json(folder / "bench.json", document)
        if find_spec("matplotlib") is None:
            say('a picture needs matplotlib: pip install "akitsu[train]"')
        else:
            from akitsu.report.bench_detectors import draw_bench_detectors

            draw_bench_detectors(folder / PICTURE, document)
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        _show(document, place)


def _files(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.endswith(".onnx") or Path(name).is_dir()]


def _candidates(wanted: Wanted, say: Callable[[str], None]) -> list[Candidate]:
    from akitsu.errors import RecipeError, require

    files = _files(wanted.names)
    if files and len(files) < len(wanted.names):
        what = "model files are scored on a set, named networks on drawn scenes"
        do = "compare files with files, and networks with networks"
        raise RecipeError(what, where="MODELS", do=do)
    if files and wanted.data is None:
        what = "nothing says on which pictures to score these files"
        raise RecipeError(what, where="--data", do="name a labelled set")
    require("torch", extra="train", purpose="comparing detectors")
    import torch

    from akitsu.claims.detector_bench import model_file, small_detectors, trained

    torch.set_num_threads(wanted.threads)
    if files:
        from akitsu.data.formats.registry import ReaderOptions, read
        from akitsu.runtime.recognizer import Recognizer

        found = []
        for name in dict.fromkeys(files):
            classes = Recognizer(name, threads=wanted.threads).classes
            options = ReaderOptions(classes=classes)
            dataset = read(wanted.data, wanted.split, format=wanted.format, options=options)
            threads = wanted.threads
            found.append(model_file(Path(name), dataset=dataset, threads=threads, say=say))
        return found
    candidates = []
    for name in dict.fromkeys(wanted.names or small_detectors(min(wanted.sides))):
        candidates += trained(
            name,
            sides=wanted.sides,
            proposals=wanted.proposals,
            steps=wanted.steps,
            seed=wanted.seed,
            say=say,
        )
    return candidates


def _show(document: dict[str, Any], place: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    machine = document["environment"]
    title = f"{machine['processor']}, {machine['threads']} threads, one picture at a time"
    table = Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    table.add_column("detector", overflow="fold", min_width=12)
    for heading in ("mAP50", "95 %", "mAP75", "M par.", "GMAC", "ms", "p95"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("net ms", justify="right", no_wrap=True)
    for row in sorted(document["detectors"], key=lambda row: row["latency"]["whole"]["median_ms"]):
        whole, network = row["latency"]["whole"], row["latency"]["network"]
        table.add_row(
            row["title"],
            f"{row['map50']:.3f}",
            f"{row['map50_low']:.3f}-{row['map50_high']:.3f}",
            f"{row['map75']:.3f}",
            "–" if row["parameters"] is None else f"{row['parameters'] / 1e6:.2f}",
            "–" if row["macs"] is None else f"{row['macs'] / 1e9:.3f}",
            f"{whole['median_ms']:.1f}",
            f"{whole['p95_ms']:.1f}",
            f"{network['median_ms']:.1f}",
            style="bold" if row["title"] in document["front"] else None,
        )
    console = Console()
    console.print(table)

    def say(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    say("bold: no other is as precise in less time")
    budget = document["budget_ms"]
    if budget is not None:
        best = document["best"]
        say(f"best within {budget:g} ms: {best}" if best else f"none takes {budget:g} ms or less")
    for what, name in (("numbers", "bench.json"), ("picture", PICTURE)):
        if (place / name).is_file():
            say(f"{what}: {place / name}")
