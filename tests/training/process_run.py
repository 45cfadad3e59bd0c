"""Small trainings for test_processes.py: one of several processes that share them.

python -m tests.training.process_run OUT '[{"folder": "alike", "stop": 12}, …]'

WORLD_SIZE, LOCAL_RANK, MASTER_ADDR and MASTER_PORT say which process this is, as under torchrun.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from akitsu.errors import AkitsuError, DataError
from akitsu.training.extension import Extension
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.processes import (
    Agreement,
    gathered,
    in_the_first,
    mean_over_processes,
    meet_anew,
    one_voice,
    part_at_exit,
)
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.triggers import TimeTrigger
from akitsu.training.updater import Updater

from .conftest import FEATURES, tiny_batches, tiny_loss


class Witness(Extension):
    """Notes when it acts."""

    trigger = (1, "iteration")

    def __init__(self, *, everywhere: bool) -> None:
        self.everywhere = everywhere
        self.acted_at: list[int] = []

    def __call__(self, trainer: Trainer) -> None:
        self.acted_at.append(trainer.updater.iteration)


class Planted(Extension):
    """Faults by "process@iteration": the name of a signal, or what a DataError says."""

    trigger = (1, "iteration")
    priority = -1  # after the snapshot
    everywhere = True

    def __init__(self, faults: dict[str, str]) -> None:
        self.faults = faults

    def __call__(self, trainer: Trainer) -> None:
        updater = trainer.updater
        fault = self.faults.get(f"{updater.fabric.global_rank}@{updater.iteration}")
        if fault is None or os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0":
            return
        if not fault.startswith("SIG"):
            raise DataError(fault, do="mend it")
        os.kill(os.getpid(), getattr(signal, fault))


def tiny_network(dropout: float) -> nn.Module:
    """No BatchNorm, whose statistics are those of each process alone."""
    layers = nn.Linear(FEATURES, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 2)
    return nn.Sequential(*layers)


def train(fabric: Fabric, out: Path, options: dict[str, Any]) -> None:
    """Train to `stop`, from where an earlier one in that folder was."""
    torch.manual_seed(0)
    model = tiny_network(options.get("dropout", 0.0))
    updater = Updater(
        tiny_batches(share=(fabric.global_rank, fabric.world_size)),
        model,
        torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9),
        loss=tiny_loss,
        fabric=fabric,
        accumulate=options.get("accumulate", 1),
    )
    trainer = Trainer(updater, stop=(options.get("stop", 12), "iteration"), out=out)
    everywhere, first = Witness(everywhere=True), Witness(everywhere=False)
    clock = Witness(everywhere=True)
    trainer.extend(everywhere, name="everywhere")
    trainer.extend(first, name="first")
    trainer.extend(clock, name="clock", trigger=TimeTrigger(options.get("seconds", 1e9)))
    trainer.extend(LogReport(), trigger=(1, "iteration"))
    seldom = LogReport("seldom.jsonl")
    seldom.at_end = False  # a run that is cut would have a row there
    trainer.extend(seldom, name="seldom", trigger=(6, "iteration"))
    trainer.extend(Snapshot(), trigger=(options.get("snapshot", 3), "iteration"))
    trainer.extend(Planted(options.get("faults", {})))
    try:
        resume(trainer, out / "snapshots")
        trainer.run()
    finally:
        noted = {"everywhere": everywhere.acted_at, "first": first.acted_at}
        noted |= {"clock": clock.acted_at, "iteration": updater.iteration}
        (out / f"acted-{fabric.global_rank}.json").write_text(json.dumps(noted))


def talk(fabric: Fabric, out: Path, options: dict[str, Any]) -> None:
    """What the processes tell one another, as each of them hears it."""
    number = fabric.global_rank
    agreement = Agreement(fabric)
    told = [agreement.reach(number == 1 and turn == 2, 10 * number + turn) for turn in range(5)]
    heard = {
        "told": told,
        "last": Agreement(fabric).last(number == 1),
        "not last": Agreement(fabric).last(False),
        "first": in_the_first(fabric, lambda: f"said by {number}"),
        "all": gathered(fabric, f"process {number}"),
        "mean": mean_over_processes(fabric, {"a": float(number), "b": 5.0}),
    }
    (out / f"heard-{number}.json").write_text(json.dumps(heard))


def err(fabric: Fabric, out: Path, options: dict[str, Any]) -> None:
    """A mistake that one process meets, or both."""
    mistake = DataError(options["what"], do="mend it")

    def act() -> None:
        raise mistake

    if options["met by"] == "the first, for all":
        in_the_first(fabric, act)
    elif fabric.global_rank in options["met by"]:
        act()


KINDS: dict[str, Callable[[Fabric, Path, dict[str, Any]], None]] = {
    "train": train,
    "talk": talk,
    "err": err,
}


def main(root: Path, scenes: list[dict[str, Any]]) -> None:
    meet_anew()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    strategy = "ddp" if processes > 1 else "auto"
    fabric = Fabric(accelerator="cpu", devices=processes, strategy=strategy)
    fabric.launch()
    part_at_exit()
    for options in scenes:
        out = root / options["folder"]
        out.mkdir(parents=True, exist_ok=True)
        ended = "well"
        try:
            with one_voice(fabric):
                KINDS[options.get("kind", "train")](fabric, out, options)
        except (AkitsuError, KeyboardInterrupt, SystemExit) as error:
            ended = f"{type(error).__name__}: {error}"
            if options.get("leave", False):
                raise
        (out / f"ended-{fabric.global_rank}").write_text(ended)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
