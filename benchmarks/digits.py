"""Digits from the table to the written submission: accuracy against seconds for every budget.

    python benchmarks/digits.py train.csv.gz test.csv.gz --chainer-python chainer/bin/python
    python benchmarks/digits.py train.csv.gz test.csv.gz --skip-chainer --only digits-fast

The seconds of a row are from the start of its process to the written submission, and beside them
those to its end: akitsu writes its model file and its report after the submission. The peer is the
script of 2017 under Chainer 7.8.1 (`chainer_digits.py`), in an environment of its own:

    python -m venv chainer
    chainer/bin/pip install "setuptools<70" wheel "numpy<1.24" pandas
    chainer/bin/pip install --no-build-isolation chainer==7.8.1

All learn from the first seven eighths of the rows; the accuracy is that on the last eighth, of the
weights that wrote the submission. akitsu takes every eighth row for its validation, so its table
has the same rows in another order; Chainer reads its tables unpacked, as it did then. The short
rows are run in every round and give their median, the long ones in the middle round alone. Exit 1
if a row misses its limit below. Run it where `akitsu[train]` alone is installed: Lightning Fabric
imports torchmetrics if it is there, which the development extra has, and that costs a second.
Other busy processes make the times worthless.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from akitsu.data.formats.registry import read
from akitsu.files import write_json
from akitsu.models.classification.digit_cnn import digit_cnn
from akitsu.recipes.directory import environment
from akitsu.report.figures import COLOURS, figure
from akitsu.runtime.recognizer import Recognizer
from akitsu.scores.interval import bootstrap

RESULT = Path("docs/results/digits_budgets.json")
CHAINER = "chainer"
EIGHTH = 8
TOLERANCE = 0.005
LABEL_COLUMNS = 18
SAME_AS_CHAINER = (
    "model={name: digit-cnn, input_hw: [28, 28], channels: 1, pad_value: 0}",
    "optimizer={name: adam, lr: 0.001, weight_decay: 0}",
    "schedule={name: constant, warmup: 0}",
    "loss={label_smoothing: 0}",
    "augment={}",
    "extensions={average: null, evaluate: [1, epoch]}",
    "batch_size=100",
    "stop=[5, epoch]",
)


@dataclass(frozen=True)
class Budget:
    """One row of the table.

    Attributes:
        name: As written after --only.
        what: What it is, for a person.
        recipe: Of `akitsu train`; "" for Chainer's script.
        settings: KEY=VALUE of the recipe.
        long: Whether it is run once only.
        least_ratio: Chainer's seconds over its own that it must reach.
        least_accuracy: That it must reach.
    """

    name: str
    what: str
    recipe: str = ""
    settings: tuple[str, ...] = ()
    long: bool = False
    least_ratio: float = 0.0
    least_accuracy: float = 0.0


BUDGETS = (
    Budget("digits-fast", "recipe digits-fast", "digits-fast", least_ratio=40, least_accuracy=0.99),
    Budget(
        "digit-cnn",
        "network of that script, in akitsu",
        "digits",
        SAME_AS_CHAINER,
        least_ratio=9,
    ),
    Budget("digits", "recipe digits", "digits"),
    Budget(CHAINER, "script of 2017, Chainer 7.8.1", long=True),
    Budget("digits-best", "recipe digits-best", "digits-best", long=True),
)


@dataclass
class Measured:
    """What the runs of one row came to.

    Attributes:
        seconds: From the start of the process to the written submission.
        whole_seconds: To the end of the process; akitsu's writes its model file and report last.
        commands: As typed.
        right: Which rows of the last eighth were answered right.
        versions: Of the peer's packages.
    """

    seconds: list[float] = field(default_factory=list)
    whole_seconds: list[float] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    right: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tables:
    """The files that the ways read, and the pictures that they are scored on.

    Attributes:
        train: For akitsu: every eighth row is one of the last eighth.
        test: As it was given.
        plain_train: For Chainer: the rows in their own order, unpacked.
        plain_test: The same pictures as `test`, unpacked.
        images: (N, H, W, 1) uint8: the last eighth.
        labels: (N,) its labels.
    """

    train: Path
    test: Path
    plain_train: Path
    plain_test: Path
    images: np.ndarray
    labels: np.ndarray


def main() -> int:
    arguments = parsed_arguments()
    chosen = [each for each in BUDGETS if each.name in (arguments.only or names())]
    if arguments.skip_chainer:
        chosen = [each for each in chosen if each.name != CHAINER]
    with tempfile.TemporaryDirectory() as scratch:
        tables = prepared(arguments.train, arguments.test, Path(scratch))
        measured = measure(chosen, tables, Path(scratch), arguments)
    document = document_of(chosen, measured, rounds=arguments.rounds)
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)
        draw(arguments.output.with_suffix(".png"), document["budgets"])
    missed = misses(document["budgets"])
    for sentence in missed:
        print(sentence)
    return 1 if missed else 0


def names() -> list[str]:
    return [each.name for each in BUDGETS]


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("train", type=Path, help="label,pixel0,... as .csv or .csv.gz")
    parser.add_argument("test", type=Path, help="pixel0,... as .csv or .csv.gz")
    parser.add_argument("--chainer-python", help="an interpreter with chainer and pandas")
    parser.add_argument("--skip-chainer", action="store_true", help="give no ratios")
    parser.add_argument("--only", action="append", choices=names(), help="a row; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="of the short rows")
    parser.add_argument("--output", type=Path, help=f"by default {RESULT}, with --only nothing")
    arguments = parser.parse_args()
    wanted = arguments.only is None or CHAINER in arguments.only
    if wanted and not arguments.skip_chainer and arguments.chainer_python is None:
        parser.error("name an interpreter with --chainer-python, or add --skip-chainer")
    if arguments.output is None and arguments.only is None:
        arguments.output = RESULT
    return arguments


def prepared(train: Path, test: Path, scratch: Path) -> Tables:
    """Write the tables of both ways; rows beyond a multiple of eight are left out."""
    head, *lines = unpacked(train)
    lines = lines[: len(lines) // EIGHTH * EIGHTH]
    tables = Tables(
        scratch / "train.csv.gz",
        test.resolve(),
        scratch / "train.csv",
        scratch / "test.csv",
        *last_eighth(lines),
    )
    with gzip.open(tables.train, "wt", encoding="utf-8") as file:
        file.writelines([head, *interleaved(lines)])
    tables.plain_train.write_text("".join([head, *lines]), encoding="utf-8")
    tables.plain_test.write_text("".join(unpacked(test)), encoding="utf-8")
    # This also warms the file cache, for all the same.
    found = read(tables.train, "val", format="pixel-csv")
    if not np.array_equal(found.labels, tables.labels):  # type: ignore[attr-defined]
        raise SystemExit(f"{train}: akitsu does not validate on the last eighth")
    return tables


def unpacked(path: Path) -> list[str]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        return [line if line.endswith("\n") else f"{line}\n" for line in file]


def interleaved(lines: Sequence[str]) -> list[str]:
    """The same lines: after every seven of the first seven eighths comes one of the last."""
    border = len(lines) * (EIGHTH - 1) // EIGHTH
    rows = [iter(lines[:border]), iter(lines[border:])]
    return [next(rows[number % EIGHTH == EIGHTH - 1]) for number in range(len(lines))]


def last_eighth(lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    border = len(lines) * (EIGHTH - 1) // EIGHTH
    table = np.loadtxt(lines[border:], delimiter=",", dtype=np.uint8, ndmin=2)
    side = round((table.shape[1] - 1) ** 0.5)
    return table[:, 1:].reshape(-1, side, side, 1), table[:, 0].astype(np.int64)


def measure(
    chosen: Sequence[Budget], tables: Tables, scratch: Path, arguments: argparse.Namespace
) -> dict[str, Measured]:
    measured = {each.name: Measured() for each in chosen}
    for turn in range(arguments.rounds):
        for each in chosen:
            if each.long and turn != arguments.rounds // 2:
                continue
            out = scratch / f"{each.name}-{turn}"
            print(f"{each.name}, round {turn + 1} of {arguments.rounds}", file=sys.stderr)
            if each.recipe:
                run_akitsu(each, tables, out, measured[each.name])
            else:
                run_chainer(arguments.chainer_python, tables, out, measured[each.name])
    return measured


def run_akitsu(budget: Budget, tables: Tables, out: Path, measured: Measured) -> None:
    settings = [word for setting in budget.settings for word in ("--set", setting)]
    words = ["train", budget.recipe, "--data", str(tables.train), *settings]
    words += ["--predict", str(tables.test), "--out", str(out)]
    started_at_s = time.time()
    whole_s = timed([sys.executable, "-m", "akitsu", *words])
    submission = out / "submission.csv"
    measured.seconds.append(submission.stat().st_mtime - started_at_s)
    measured.whole_seconds.append(whole_s)
    # Of paths only the names, since the result is published.
    named = {str(path): path.name for path in (tables.train, tables.test, out)}
    measured.commands = [shlex.join(["akitsu", *(named.get(word, word) for word in words)])]
    require_rows(submission, tables.plain_test)
    answers = Recognizer(out).predict_inputs(tables.images)["probabilities"].argmax(1)
    measured.right = answers == tables.labels


def run_chainer(python: str, tables: Tables, out: Path, measured: Measured) -> None:
    out.mkdir()
    script = Path(__file__).with_name("chainer_digits.py")
    said = out / "said.txt"
    command = [python, str(script), str(tables.plain_train), str(tables.plain_test), str(out)]
    measured.seconds.append(timed(command, said=said))
    measured.whole_seconds.append(measured.seconds[-1])
    measured.commands = [f"python {script.name} train.csv test.csv out"]
    last = json.loads(said.read_text(encoding="utf-8").splitlines()[-1])
    measured.versions = last["versions"]
    require_rows(out / "submission.csv", tables.plain_test)
    measured.right = answers_of(out / "weights.npz", tables.images) == tables.labels
    # Chainer takes the mean over batches, of which the last is smaller.
    if abs(measured.right.mean() - last["validation"]) > TOLERANCE:
        raise SystemExit(f"Chainer says {last['validation']:.2%}, and its weights say otherwise")


def timed(command: Sequence[str], *, said: Path | None = None) -> float:
    """Seconds from the start of a process to its end."""
    started_s = time.perf_counter()
    if said is None:
        done = subprocess.run(command, stdout=sys.stderr)
    else:
        with said.open("w", encoding="utf-8") as file:
            done = subprocess.run(command, stdout=file)
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)} ended with {done.returncode}")
    return time.perf_counter() - started_s


def require_rows(submission: Path, table: Path) -> None:
    """A submission with other rows than the table would be no result."""
    answers = len(submission.read_text(encoding="utf-8").splitlines())
    if answers != len(table.read_text(encoding="utf-8").splitlines()):
        raise SystemExit(f"{submission} has {answers - 1} answers, which is another number of rows")


def answers_of(weights: Path, images: np.ndarray) -> np.ndarray:
    """What the network says with the weights that Chainer saved."""
    arrays = np.load(weights)
    module = digit_cnn(10, in_channels=1).eval()
    places = {"conv1": "0", "conv2": "3", "l1": "7"}
    module.load_state_dict(
        {
            f"{place}.{own}": torch.from_numpy(arrays[f"predictor/{link}/{theirs}"])
            for link, place in places.items()
            for theirs, own in (("W", "weight"), ("b", "bias"))
        }
    )
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        logits = torch.cat([module(part) for part in inputs.split(1000)])
    return logits.argmax(1).numpy()


def document_of(
    chosen: Sequence[Budget], measured: dict[str, Measured], *, rounds: int
) -> dict[str, Any]:
    medians = {name: statistics.median(own.seconds) for name, own in measured.items()}
    budgets = []
    for each in chosen:
        own = measured[each.name]
        right = own.right.astype(np.float64)
        accuracy = bootstrap(lambda w, right=right: float(w @ right / w.sum()), len(right))
        ratio = medians[CHAINER] / medians[each.name] if CHAINER in medians else None
        budgets.append(
            {
                "name": each.name,
                "what": each.what,
                "commands": own.commands,
                "median_seconds": round(medians[each.name], 2),
                "seconds": [round(seconds, 2) for seconds in own.seconds],
                "median_whole_seconds": round(statistics.median(own.whole_seconds), 2),
                "times_as_fast_as_chainer": None if ratio is None else round(ratio, 1),
                "accuracy": accuracy.to_json(),
                "least_ratio": each.least_ratio,
                "least_accuracy": each.least_accuracy,
            }
        )
    peers = measured[CHAINER].versions if CHAINER in measured else {}
    return {"rounds": rounds, "budgets": budgets, "environment": environment(peers=peers)}


def misses(budgets: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence for each limit that a row does not reach."""
    found = []
    for each in budgets:
        ratio, accuracy = each["times_as_fast_as_chainer"], each["accuracy"]["value"]
        if ratio is not None and ratio < each["least_ratio"]:
            found.append(f"{each['name']}: {ratio} times as fast, not {each['least_ratio']:g}")
        if accuracy < each["least_accuracy"]:
            found.append(f"{each['name']}: {accuracy:.2%} right, not {each['least_accuracy']:.2%}")
    return found


def print_table(document: dict[str, Any]) -> None:
    table = Table("row", "what", "seconds", "to the end", "times as fast", "right, % (95 %)")
    for each in document["budgets"]:
        accuracy, ratio = each["accuracy"], each["times_as_fast_as_chainer"]
        table.add_row(
            each["name"],
            each["what"],
            f"{each['median_seconds']:.1f}",
            f"{each['median_whole_seconds']:.1f}",
            "" if ratio is None else f"{ratio:.1f}",
            f"{100 * accuracy['value']:.2f} "
            f"({100 * accuracy['low']:.2f} to {100 * accuracy['high']:.2f})",
        )
    Console().print(table)


def draw(path: Path, budgets: Sequence[dict[str, Any]]) -> None:
    """Accuracy against seconds, with the intervals, as a PNG."""
    with figure(path, size_wh=(7.4, 4.4)) as canvas:
        axes = canvas.subplots()
        for each in budgets:
            seconds, accuracy = each["median_seconds"], each["accuracy"]
            value, low, high = (100 * accuracy[key] for key in ("value", "low", "high"))
            colour = COLOURS[1] if each["name"] == CHAINER else COLOURS[0]
            bars = {"yerr": [[value - low], [high - value]], "capsize": 3}
            axes.errorbar(seconds, value, fmt="o", color=colour, **bars)
            text = f"{textwrap.fill(each['what'], LABEL_COLUMNS)}\n{seconds:,.1f} s"
            place = {"xytext": (8, -4), "textcoords": "offset points", "va": "top"}
            axes.annotate(text, (seconds, value), color=colour, fontsize=9, **place)
        axes.set_xscale("log")
        ends = [each["median_seconds"] for each in budgets]
        axes.set_xlim(min(ends) / 1.5, max(ends) * 4)  # room for the last label
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set(xlabel="seconds, from the table to the submission (log)", ylabel="accuracy, %")
        axes.set_title("Digits: what a longer training buys")


if __name__ == "__main__":
    sys.exit(main())
