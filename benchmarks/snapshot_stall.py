"""How long the loop stands still for a snapshot.

    python benchmarks/snapshot_stall.py --output docs/results/snapshot_stall.json

A network whose training state (weights and both moments of Adam) takes 100 MB learns with a
Snapshot every 40 iterations, and without one, in turns. What the longest iteration takes beyond
the median one is the stall: of that iteration in which a snapshot began, or of a later one that
had to wait for it. The newest snapshot must be whole. Exit 1 if the loop stalls for more than
50 ms, by the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from math import isqrt
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from akitsu.files import write_json
from akitsu.recipes.directory import environment
from akitsu.runtime.threads import available_threads
from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import load_snapshot, snapshots
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

LAYERS, FLOATS_A_WEIGHT, BYTES_A_FLOAT = 2, 3, 4
BATCH_SIZE, CLASSES = 16, 10
WARM_UP = 5
LIMIT_MS = 50.0
WITH, WITHOUT = "with snapshots", "without"


def main() -> int:
    arguments = parsed_arguments()
    torch.set_num_threads(available_threads())
    rounds: dict[str, list[list[float]]] = {WITHOUT: [], WITH: []}
    for _ in range(arguments.rounds):
        rounds[WITHOUT].append(iterations_ms(arguments, every=None))
        rounds[WITH].append(iterations_ms(arguments, every=arguments.every))
    document = {
        "megabytes": arguments.megabytes,
        "iterations": arguments.iterations,
        "snapshot_every": arguments.every,
        **stalls(rounds, every=arguments.every),
        "limit_ms": LIMIT_MS,
        "environment": environment(seed=arguments.seed),
    }
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)
    return 0 if document["stall_ms"] <= LIMIT_MS else 1


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=100, help="of the training's state")
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--every", type=int, default=40, help="iterations between two snapshots")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="on the disk that shall hold the snapshots")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.iterations - WARM_UP <= arguments.every:
        parser.error(f"--iterations has to be above --every and {WARM_UP} together")
    return arguments


def iterations_ms(arguments: argparse.Namespace, *, every: int | None) -> list[float]:
    """Milliseconds from batch to batch, the extensions' share included, when the loop is warm."""
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        moments_s: list[float] = []
        trainer = small_trainer(arguments, moments_s, out=Path(scratch))
        if every is not None:
            trainer.extend(Snapshot(), trigger=(every, "iteration"))
        trainer.run()
        if every is not None:
            load_snapshot(snapshots(Path(scratch) / "snapshots")[0])
    warm = moments_s[WARM_UP:]
    return [(after - before) * 1e3 for before, after in pairwise(warm)]


def small_trainer(arguments: argparse.Namespace, moments_s: list[float], *, out: Path) -> Trainer:
    """A training that notes the moment at which each batch is asked for."""
    torch.manual_seed(arguments.seed)
    bytes_a_weight = FLOATS_A_WEIGHT * BYTES_A_FLOAT
    width = isqrt(arguments.megabytes * 1_000_000 // (bytes_a_weight * LAYERS))
    layers = [layer for _ in range(LAYERS) for layer in (nn.Linear(width, width), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(width, CLASSES))
    inputs, labels = torch.rand(BATCH_SIZE, width), torch.randint(0, CLASSES, (BATCH_SIZE,))

    def fetch(plan: Plan) -> tuple[Tensor, Tensor]:
        moments_s.append(time.perf_counter())
        return inputs[plan.indices], labels[plan.indices]

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(network(batch[0]), batch[1])}

    updater = Updater(
        ShuffledBatches(BATCH_SIZE, BATCH_SIZE, seed=arguments.seed, fetch=fetch),
        model,
        torch.optim.Adam(model.parameters(), fused=True),
        loss=loss,
        fabric=Fabric(accelerator="cpu", devices=1),
    )
    return Trainer(updater, stop=(arguments.iterations, "iteration"), out=out)


def stalls(rounds: dict[str, list[list[float]]], *, every: int) -> dict[str, Any]:
    """What the iterations of all rounds say; the cost counts the writing beside the loop too."""
    median = {name: [statistics.median(own) for own in rounds[name]] for name in rounds}
    longest = {name: [max(own) - statistics.median(own) for own in rounds[name]] for name in rounds}
    mean = {name: statistics.median(map(statistics.fmean, rounds[name])) for name in rounds}
    return {
        "median_iteration_ms": rounded(median),
        "longest_beyond_the_median_ms": rounded(longest),
        "stall_ms": round(statistics.median(longest[WITH]), 1),
        "cost_ms": round((mean[WITH] - mean[WITHOUT]) * every, 1),
    }


def rounded(milliseconds: dict[str, list[float]]) -> dict[str, list[float]]:
    return {name: [round(each, 1) for each in own] for name, own in milliseconds.items()}


def print_table(document: dict[str, Any]) -> None:
    title = f"{document['megabytes']} MB of state, milliseconds"
    table = Table("round", "iteration", "median", "longest beyond it", title=title)
    medians, longest = document["median_iteration_ms"], document["longest_beyond_the_median_ms"]
    for name, own in medians.items():
        for number, (median, beyond) in enumerate(zip(own, longest[name], strict=True), start=1):
            table.add_row(str(number), name, f"{median:.1f}", f"{beyond:.1f}")
    Console().print(table)
    print(f"the loop stalls for {document['stall_ms']} ms a snapshot; the limit is {LIMIT_MS} ms")
    print(f"a snapshot costs {document['cost_ms']} ms of training in all")


if __name__ == "__main__":
    sys.exit(main())
