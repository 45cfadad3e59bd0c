"""What a trainer costs: akitsu's against a hand-written loop and other trainers.

    pip install lightning pytorch-pfn-extras
    python benchmarks/trainer.py --output docs/results/trainer.json
    python benchmarks/trainer.py --chainer-python chainer/bin/python

A network of three small layers learns for one epoch under each loop, so little work an iteration
that the loop itself shows. The loops take turns in one process; best and median of the rounds are
compared with the hand-written one. All must end at its weights. Log, table and bar are written to
a terminal that keeps nothing. Peers that are not installed are left out, with a sentence; Chainer
7.8.1 has an environment of its own, since it wants NumPy below 1.24. Exit 1 if akitsu takes more
than 1.05 times as long as the hand-written loop, or a loop ends at other weights.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.nn.utils import parameters_to_vector
from trainer_contenders import (
    AKITSU,
    BATCH_SIZE,
    CONTENDERS,
    HAND_WRITTEN,
    WARM_UP,
    Contender,
    Job,
)
from typing_extensions import override

from akitsu.files import write_json
from akitsu.recipes.directory import environment
from akitsu.runtime.threads import available_threads

CHAINER = "Chainer Trainer"
LIMIT = 1.05
# Of one weight: a compiled step adds the same float32 numbers in another order.
TOLERANCE = 1e-4


class Terminal(io.TextIOBase):
    """Everything may be drawn on it, and nothing is kept."""

    @override
    def isatty(self) -> bool:
        return True

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, text: str) -> int:
        return len(text)


def main() -> int:
    arguments = parsed_arguments()
    torch.set_num_threads(available_threads())
    present = [each for each in CONTENDERS if not each.missing]
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(arguments.samples, seed=arguments.seed, folder=Path(scratch))
        rounds = measure(present, job, arguments)
    document = {
        "samples": arguments.samples,
        "batch_size": BATCH_SIZE,
        "iterations": len(job),
        "iterations_before_the_clock": WARM_UP,
        "contenders": compared(rounds),
        "left_out": left_out(arguments.chainer_python),
        "limit": LIMIT,
        "environment": environment(peers=peers(present, rounds), seed=arguments.seed),
    }
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)
    return verdict(document)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=60_000, help="random pictures in the epoch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chainer-python", help="an interpreter with chainer")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.samples // BATCH_SIZE <= WARM_UP:
        parser.error(f"--samples has to be at least {(WARM_UP + 1) * BATCH_SIZE}")
    return arguments


@dataclass
class Rounds:
    """What was measured, by contender.

    Attributes:
        microseconds: Of an iteration, in each round.
        apart: How far a weight ended at most from that of the hand-written loop.
        chainer: The version of it, where it took part.
    """

    microseconds: dict[str, list[float]]
    apart: dict[str, float]
    chainer: str | None = None


def measure(contenders: Sequence[Contender], job: Job, arguments: argparse.Namespace) -> Rounds:
    names = [each.name for each in contenders]
    rounds = Rounds({name: [] for name in names}, dict.fromkeys(names, 0.0))
    for _ in range(arguments.rounds):
        reference = trained(HAND_WRITTEN, job)
        rounds.microseconds[HAND_WRITTEN.name].append(job.microseconds)
        for each in contenders:
            if each is HAND_WRITTEN:
                continue
            distance = float((trained(each, job) - reference).abs().max())
            rounds.microseconds[each.name].append(job.microseconds)
            rounds.apart[each.name] = max(rounds.apart[each.name], distance)
        if arguments.chainer_python is not None:
            said = chainer(arguments.chainer_python, job)
            rounds.microseconds.setdefault(CHAINER, []).append(said["microseconds"])
            rounds.chainer = said["version"]
    return rounds


def trained(contender: Contender, job: Job) -> Tensor:
    """All weights after the training, in one vector."""
    gc.collect()
    terminal = Terminal()
    with redirect_stdout(terminal), redirect_stderr(terminal):
        model = contender.train(job)
    return parameters_to_vector(model.parameters()).detach().clone()


def chainer(python: str, job: Job) -> dict[str, Any]:
    """What `chainer_trainer.py` says: its microseconds and Chainer's version."""
    script = Path(__file__).with_name("chainer_trainer.py")
    words = [len(job.labels), BATCH_SIZE, WARM_UP, job.folder]
    command = [python, str(script), *map(str, words)]
    threads = str(available_threads())
    variables = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=variables)
    if done.returncode:
        raise SystemExit(f"Chainer ended with {done.returncode}: see above")
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def compared(rounds: Rounds) -> list[dict[str, Any]]:
    reference = rounds.microseconds[HAND_WRITTEN.name]
    best, median = min(reference), statistics.median(reference)
    return [
        {
            "name": name,
            "best_microseconds": round(min(own), 1),
            "median_microseconds": round(statistics.median(own), 1),
            "times_the_hand_written": round(min(own) / best, 3),
            "times_the_hand_written_by_medians": round(statistics.median(own) / median, 3),
            "microseconds": [round(each, 1) for each in own],
            "weights_apart": rounds.apart.get(name),
        }
        for name, own in rounds.microseconds.items()
    ]


def left_out(chainer_python: str | None) -> list[str]:
    sentences = [
        f"{each.name}: {each.package} is not installed." for each in CONTENDERS if each.missing
    ]
    if chainer_python is None:
        sentences.append(f"{CHAINER}: --chainer-python names no interpreter.")
    return sentences


def peers(present: Sequence[Contender], rounds: Rounds) -> dict[str, str]:
    packages = sorted({each.package for each in present if each.package is not None})
    versions = {package: version(package.replace("_", "-")) for package in packages}
    return versions if rounds.chainer is None else {**versions, "chainer": rounds.chainer}


def verdict(document: dict[str, Any]) -> int:
    rows = {row["name"]: row for row in document["contenders"]}
    others = [name for name, row in rows.items() if (row["weights_apart"] or 0) > TOLERANCE]
    if others:
        print(f"other weights than the hand-written loop: {', '.join(others)}", file=sys.stderr)
        return 1
    but = ", but for Chainer, which draws its own" if CHAINER in rows else ""
    print(f"all end at the same weights, to {TOLERANCE}{but}")
    ratio = rows[AKITSU.name]["times_the_hand_written"]
    print(f"akitsu takes {ratio} times as long as the hand-written loop; the limit is {LIMIT}")
    return 0 if ratio <= LIMIT else 1


def print_table(document: dict[str, Any]) -> None:
    title = f"{document['iterations']} iterations, microseconds each"
    table = Table("loop", "best", "median", "ratio", "weights apart", title=title)
    for row in document["contenders"]:
        apart = "" if row["weights_apart"] is None else f"{row['weights_apart']:.1g}"
        best, median = f"{row['best_microseconds']:.0f}", f"{row['median_microseconds']:.0f}"
        table.add_row(row["name"], best, median, f"{row['times_the_hand_written']:.2f}", apart)
    Console().print(table)
    for sentence in document["left_out"]:
        print(sentence)


if __name__ == "__main__":
    sys.exit(main())
