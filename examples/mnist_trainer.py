"""Chainer's MNIST script in today's form: three dense layers, SGD, and a Trainer with extensions.

    python examples/mnist_trainer.py
    python examples/mnist_trainer.py train.csv.gz

The table is that of Kaggle's Digit Recognizer; without one, scikit-learn's digits of 8 x 8 pixels
are drawn into one; they are so few that ten epochs are a beginning, and `--epochs 100` is better.
The same command again goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.training.batches import ShuffledBatches
from akitsu.training.extensions.dump_graph import DumpGraph
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.reporter import report
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

Pictures = tuple[Tensor, Tensor]

COLUMNS = [
    "epoch",
    "main/loss",
    "validation/main/loss",
    "main/accuracy",
    "validation/main/accuracy",
]


def main() -> None:
    arguments = parsed_arguments()
    training, validation = labelled(arguments.table, "train"), labelled(arguments.table, "val")
    trainer = make_trainer(training, validation, epochs=arguments.epochs, out=arguments.out)
    resume(trainer, arguments.out / "snapshots")
    trainer.run()

    model = trainer.updater.model.eval()

    images, labels = validation
    answers = model(images[:10]).argmax(1)
    print(f"answers {answers.tolist()}")
    print(f"labels  {labels[:10].tolist()}")


def make_trainer(training: Pictures, validation: Pictures, *, epochs: int, out: Path) -> Trainer:
    torch.manual_seed(0)
    model = mlp(training[0].shape[1], 100, 10)
    updater = Updater(
        ShuffledBatches(
            len(training[0]), 32, seed=0, fetch=lambda plan: [t[plan.indices] for t in training]
        ),
        model,
        torch.optim.SGD(model.parameters(), lr=0.01),
        loss=loss,
        fabric=Fabric(accelerator="cpu", devices=1),
    )
    trainer = Trainer(updater, stop=(epochs, "epoch"), out=out)
    trainer.extend(Evaluator(lambda trained: scores(trained, validation)))
    trainer.extend(DumpGraph())
    trainer.extend(Snapshot(), trigger=(10, "epoch"))
    trainer.extend(LogReport())
    trainer.extend(PrintReport(COLUMNS))
    trainer.extend(ProgressBar())
    return trainer


def mlp(inputs: int, units: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, units),
        nn.ReLU(),
        nn.Linear(units, units),
        nn.ReLU(),
        nn.Linear(units, outputs),
    )


def loss(model: nn.Module, batch: list[Tensor]) -> dict[str, Tensor]:
    images, labels = batch
    logits = model(images)
    report({"accuracy": accuracy(logits, labels)})
    return {"loss": F.cross_entropy(logits, labels)}


def scores(model: nn.Module, validation: Pictures) -> dict[str, float]:
    images, labels = validation
    logits = model(images)
    return {
        "loss": F.cross_entropy(logits, labels).item(),
        "accuracy": accuracy(logits, labels).item(),
    }


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.argmax(1) == labels).float().mean()


def labelled(table: Path | None, split: str) -> Pictures:
    """Pixels (N, H · W) from 0 to 1 and labels (N,)."""
    if table is None:
        with tempfile.TemporaryDirectory() as folder:
            return labelled(digits_table(Path(folder)).train, split)
    pictures = read(table, split)
    pixels = torch.from_numpy(pictures.images).flatten(1).float() / 255
    return pixels, torch.from_numpy(pictures.labels)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path, nargs="?", help="train.csv, perhaps gzipped")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/mnist_trainer"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
