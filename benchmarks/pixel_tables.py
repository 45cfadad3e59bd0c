"""From a table of pixels to an array: akitsu, polars, and pandas with a loop over the rows.

    python benchmarks/pixel_tables.py train.csv train.csv.gz --output docs/results/pixel_tables.json

Each way starts with the file and ends with all pictures and labels in arrays that a training can
use. The ways take turns in one process; medians of the rounds are compared. The loop over rows is
how digit recognisers were written in 2017: one float32 picture from 0 to 1 appended after another.
It needs pandas; polars is measured where it is installed.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from akitsu.data.formats.registry import read
from akitsu.files import write_json
from akitsu.recipes.directory import environment

Arrays = tuple[np.ndarray, np.ndarray]
Way = Callable[[Path], Arrays]


def main() -> None:
    arguments = _arguments()
    if find_spec("pandas") is None:
        raise SystemExit(
            "the row loop needs pandas, which is not installed; run pip install pandas"
        )
    ways: dict[str, Way] = {"akitsu": ours, "pandas and a row loop": row_loop}
    if find_spec("polars") is not None:
        ways["polars with a uint8 schema"] = polars_schema
    results = [_measure(ways, path, rounds=arguments.rounds) for path in arguments.tables]
    if arguments.output is not None:
        write_json(arguments.output, _document(results))


def _measure(ways: dict[str, Way], path: Path, *, rounds: int) -> dict[str, object]:
    _check_that_all_agree(ways, path)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            way(path)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(some) for name, some in seconds.items()}
    _print(medians, path)
    return {
        "table": path.name,
        "bytes": path.stat().st_size,
        "median_seconds": medians,
        "seconds": seconds,
        "times_as_long_as_akitsu": {name: s / medians["akitsu"] for name, s in medians.items()},
    }


def ours(path: Path) -> Arrays:
    table = read(path, "all", format="pixel-csv")
    return table.images, table.labels  # type: ignore[attr-defined]


def polars_schema(path: Path) -> Arrays:
    import polars

    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        names = file.readline().strip().split(",")
    table = polars.read_csv(path, schema=dict.fromkeys(names, polars.UInt8)).to_numpy()
    side = int((table.shape[1] - 1) ** 0.5)
    return table[:, 1:].reshape(-1, side, side, 1), table[:, 0].astype(np.int64)


def row_loop(path: Path) -> Arrays:
    import pandas

    table = pandas.read_csv(path)
    rows, targets = table.iloc[:, 1:].to_numpy(), table.iloc[:, 0].to_numpy()
    side = int(rows.shape[1] ** 0.5)
    images, labels = [], []
    for row, target in zip(rows, targets, strict=True):
        images.append(np.float32(row.reshape(1, side, side)) / 255.0)
        labels.append(np.int32(target))
    return np.array(images), np.array(labels)


def _check_that_all_agree(ways: dict[str, Way], path: Path) -> None:
    """A fast way to other numbers would be no news; this also warms the file cache."""
    images, labels = ours(path)
    for name, way in ways.items():
        other, targets = way(path)
        scale = 255 if other.dtype == np.float32 else 1
        pixels = (other * scale).round().reshape(images.shape)
        if not (np.array_equal(pixels, images) and np.array_equal(targets, labels)):
            raise SystemExit(f"{name} reads other numbers from {path.name}")


def _print(medians: dict[str, float], path: Path) -> None:
    table = Table("way", "seconds", "times as long as akitsu", title=path.name)
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds:.3f}", f"{seconds / medians['akitsu']:.1f}")
    Console().print(table)


def _document(results: list[dict[str, object]]) -> dict[str, object]:
    peers = {name: version(name) for name in ("pandas", "polars") if find_spec(name)}
    return {"tables": results, "environment": environment(peers=peers)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", type=Path, nargs="+", help="label,pixel0,... as .csv or .csv.gz")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
