"""Many pictures into a table: one process against workers of Ray, on this machine.

    python benchmarks/bulk.py --output docs/results/bulk.json

Draws a folder of JPEGs and writes an untrained SqueezeNet-FCN, since only the time is asked for.
Each way is the command line in a fresh process, in turns; the tables must be equal. Ray's start is
in its time: it is what a person waits for, and it weighs less the more pictures there are.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from akitsu.bulk.rows import read_rows
from akitsu.deploy.export import export
from akitsu.files import write_json
from akitsu.models.segmentation.squeezenet_fcn import squeezenet_fcn
from akitsu.recipes.directory import environment
from akitsu.runtime.card import ModelCard
from akitsu.runtime.threads import VARIABLE
from akitsu.tasks.network import Network
from akitsu.tasks.segmentation import Segmentation

CLASSES = ("floor", "table", "cup", "person")
SIZE_HW, INPUT_HW = (360, 480), (180, 240)
MEAN = STD = [0.5, 0.5, 0.5]


def main() -> None:
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_pictures(folder / "pictures", arguments.pictures)
        write_model(folder / "model.onnx")
        document = measure(ways(arguments.workers), folder, rounds=arguments.rounds)
    document = {
        "pictures": arguments.pictures,
        "size_hw": SIZE_HW,
        "input_hw": INPUT_HW,
        "model": "squeezenet-fcn",
        **document,
        "environment": environment(ray=version("ray"), pyarrow=version("pyarrow")),
    }
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)


def ways(workers: int) -> dict[str, list[str]]:
    """What is typed behind `akitsu predict`, by the name of the way; ratios are to the first."""
    plural = "s" if workers != 1 else ""
    return {
        "one process, one thread": ["--engine", "local", "--workers", "1"],
        "one process, every thread": ["--engine", "local"],
        f"Ray, {workers} worker{plural}": ["--engine", "ray", "--workers", str(workers)],
    }


def measure(ways: Mapping[str, Sequence[str]], folder: Path, *, rounds: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    outputs: list[Path] = []
    for turn in range(rounds):
        for number, (name, options) in enumerate(ways.items()):
            outputs.append(folder / f"{turn}-{number}.parquet")
            seconds[name].append(round(seconds_of(folder, outputs[-1], options), 3))
    tables = [read_rows(output) for output in outputs]
    if not all(table.equals(tables[0]) for table in tables):
        raise SystemExit("the ways do not give the same rows")
    medians = {name: statistics.median(own) for name, own in seconds.items()}
    return {
        "ways": [
            {
                "name": name,
                "options": " ".join(options),
                "seconds": seconds[name],
                "median_seconds": medians[name],
                "pictures_per_second": round(len(tables[0]) / medians[name], 1),
            }
            for name, options in ways.items()
        ]
    }


def seconds_of(folder: Path, output: Path, options: Sequence[str]) -> float:
    command = [sys.executable, "-m", "akitsu", "predict", str(folder / "model.onnx")]
    command += [str(folder / "pictures"), "--output", str(output), *options]
    # What the machine has, not what somebody set for another purpose.
    clean = {name: value for name, value in os.environ.items() if name != VARIABLE}
    started_s = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=clean)
    if done.returncode:
        raise SystemExit(f"a way ended with {done.returncode}: see above")
    return time.perf_counter() - started_s


def write_pictures(folder: Path, count: int) -> None:
    """Smooth noise: as large as a photograph when compressed, unlike noise of single pixels."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    height, width = SIZE_HW
    for number in range(count):
        coarse = generator.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / f"{number:06d}.jpg", quality=90)


def write_model(path: Path) -> None:
    torch.manual_seed(0)
    task = Segmentation()
    card = ModelCard(
        task=task.name,
        model="squeezenet-fcn",
        classes=CLASSES,
        input_hw=INPUT_HW,
        channels=3,
        normalisation={"mean": MEAN, "std": STD},
        decoding=task.decoding,
    )
    network = Network(squeezenet_fcn(len(CLASSES)), task, mean=MEAN, std=STD).eval()
    noise = np.random.default_rng(0).integers(0, 256, (2, *INPUT_HW, 3), np.uint8)
    export(network, path, card=card, pictures=list(noise))


def print_table(document: dict[str, Any]) -> None:
    first = document["ways"][0]["pictures_per_second"]
    table = Table("way", "s", "pictures a second", "times the first")
    table.title = f"{document['pictures']} pictures"
    for way in document["ways"]:
        rate = way["pictures_per_second"]
        seconds = f"{way['median_seconds']:.1f}"
        table.add_row(way["name"], seconds, f"{rate:.1f}", f"{rate / first:.2f}")
    Console().print(table)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2, help="of Ray")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
