"""How often an interval of a cross-validated accuracy holds the accuracy that it is of.

    python benchmarks/classic_intervals.py --output docs/results/classic_intervals.json

Tables are drawn from clouds of points, of which any number can be drawn, so that the accuracy of a
classifier is known. Each table is cross-validated, and it is counted how often each kind of
interval holds the accuracy of the classifier that learned from the whole table. 95 % should.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy import stats

from akitsu.classic.cross_validation import accuracy_estimate, cross_validate, fitter
from akitsu.files import write_json
from akitsu.recipes.directory import environment

CLASSIFIERS = ("logistic-regression", "k-nearest-neighbours", "decision-tree")
# Distance of the clouds and rows of a table.
SETTINGS = ((2.0, 60), (2.0, 150), (3.0, 60))
FOLDS, REPEATS, UNSEEN = 10, 3, 20_000

Ends = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tables", type=int, default=100, help="of each setting")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    document = measure(arguments.tables)
    show(document)
    if arguments.output is not None:
        write_json(arguments.output, document)


def measure(tables: int) -> dict[str, Any]:
    """By kind of interval, the share of tables of each setting whose accuracy it held."""
    settings = []
    pairs = list(product(CLASSIFIERS, SETTINGS))
    for number, (name, (apart, rows)) in enumerate(track(pairs, console=Console(stderr=True))):
        held = dict.fromkeys(INTERVALS, 0)
        unseen, unseen_labels = clouds(UNSEEN, apart=apart, seed=number)
        for table in range(tables):
            inputs, labels = clouds(rows, apart=apart, seed=1000 * (number + 1) + table)
            fit = fitter(name, seed=0)
            truth = float(np.mean(fit(inputs, labels).pipeline.predict(unseen) == unseen_labels))
            found = cross_validate(
                fit, inputs, labels, folds=FOLDS, repeats=REPEATS, seed=table
            ).accuracies
            for kind, ends in INTERVALS.items():
                low, high = ends(found, rows)
                held[kind] += low <= truth <= high
        shares = {kind: count / tables for kind, count in held.items()}
        settings.append({"classifier": name, "apart": apart, "rows": rows, "held": shares})
    return {
        "tables": tables,
        "folds": FOLDS,
        "repeats": REPEATS,
        "settings": settings,
        "environment": environment(seed=0),
    }


def clouds(rows: int, *, apart: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three normal clouds of points in the plane, (N, 2), and which each is of."""
    generator = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    centres = apart * np.array([[0, 0], [1, 0], [0.9, 0.6]])
    return centres[labels] + generator.normal(size=(rows, 2)), labels


def plain_t(accuracies: np.ndarray, rows: int) -> Ends:
    """As if the accuracies of the folds were independent."""
    del rows
    n = len(accuracies)
    reach = stats.t.ppf(0.975, n - 1) * accuracies.std(ddof=1) / np.sqrt(n)
    return accuracies.mean() - reach, accuracies.mean() + reach


def wilson(accuracies: np.ndarray, rows: int) -> Ends:
    """As if each row had been asked once of one classifier."""
    found = stats.binomtest(round(accuracies.mean() * rows), rows).proportion_ci(method="wilson")
    return found.low, found.high


def ours(accuracies: np.ndarray, rows: int) -> Ends:
    """That of `akitsu compare`."""
    estimate = accuracy_estimate(accuracies, rows=rows, folds=FOLDS)
    return estimate.low, estimate.high


INTERVALS: dict[str, Callable[[np.ndarray, int], Ends]] = {
    "t interval over the folds": plain_t,
    "Wilson's, for as many rows": wilson,
    "akitsu compare": ours,
}


def spans(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Each kind of interval with its worst and best setting, as the guide says it."""
    found = []
    for kind in INTERVALS:
        shares = [100 * each["held"][kind] for each in document["settings"]]
        found.append((kind, f"{min(shares):.0f}–{max(shares):.0f} %"))
    return found


def show(document: dict[str, Any]) -> None:
    table = Table("interval", "held it, worst to best setting")
    for row in spans(document):
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
