"""A small training for test_sharded.py: run by itself, in several processes that Fabric starts.

python -m tests.training.sharded_run OUT PROCESSES STRATEGY STOP
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import ModelParallelStrategy
from torch import nn

from akitsu.training.extensions.keep_best import KeepBest
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.hooks import GradientClipping
from akitsu.training.sharded import shard
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

from .conftest import FEATURES, tiny_batches, tiny_loss


def main(out: Path, processes: int, strategy: str, stop: int) -> None:
    parts = {"data_parallel_size": processes, "tensor_parallel_size": 1}
    fabric = Fabric(
        accelerator="cpu",
        devices=processes,
        strategy=ModelParallelStrategy(shard, **parts) if strategy == "fsdp" else strategy,
    )
    fabric.launch()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(FEATURES, 8), nn.Tanh(), nn.Linear(8, 2))
    updater = Updater(
        tiny_batches(share=(fabric.global_rank, fabric.world_size)),
        model,
        lambda: torch.optim.AdamW(model.parameters(), lr=0.05),
        loss=tiny_loss,
        fabric=fabric,
        hooks=[GradientClipping(1.0)],
    )
    trainer = Trainer(updater, stop=(stop, "iteration"), out=out)
    trainer.extend(LogReport(), trigger=(1, "iteration"))
    trainer.extend(KeepBest("main/loss", "min"), trigger=(1, "iteration"))
    trainer.extend(Snapshot(), trigger=(3, "iteration"))
    resume(trainer, out / "snapshots")
    trainer.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
