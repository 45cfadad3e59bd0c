"""Kaggle's Digit Recognizer with a training loop of one's own: table, network, Trainer, submission.

    python examples/kaggle_digits.py
    python examples/kaggle_digits.py train.csv.gz test.csv.gz --epochs 5

Without tables it draws small ones. This is the long way, for those who want to change the loop;
`akitsu train digits --data train.csv.gz` is the short one, and scores better.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.files import write_text
from akitsu.models.classification.digit_cnn import digit_cnn
from akitsu.training.batches import ShuffledBatches
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.progress_bar import ProgressBar
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

COLUMNS = ["epoch", "main/loss", "validation/main/loss", "validation/main/accuracy"]


def main() -> None:
    arguments = parsed_arguments()
    train, test = arguments.tables or drawn_tables()
    training, validation = labelled(read(train, "train")), labelled(read(train, "val"))
    torch.manual_seed(0)
    model = digit_cnn(10, in_channels=1, input_hw=training[0].shape[-2:])
    updater = Updater(
        ShuffledBatches(
            len(training[0]), 100, seed=0, fetch=lambda plan: [t[plan.indices] for t in training]
        ),
        model,
        torch.optim.Adam(model.parameters()),
        loss=loss,
        fabric=Fabric(accelerator="cpu", devices=1),
    )
    trainer = Trainer(updater, stop=(arguments.epochs, "epoch"), out=arguments.out)
    trainer.extend(Evaluator(lambda trained: scores(trained, validation)))
    trainer.extend(LogReport())
    trainer.extend(PrintReport(COLUMNS))
    trainer.extend(ProgressBar())
    trainer.extend(Snapshot())
    trainer.run()

    images, _ = labelled(read(test, "all"))
    model.eval()
    with torch.inference_mode():
        answers = torch.cat([model(some).argmax(1) for some in images.split(500)])
    lines = "".join(f"{number},{digit}\n" for number, digit in enumerate(answers.tolist(), 1))
    submission = arguments.out / "submission.csv"
    write_text(submission, "ImageId,Label\n" + lines)
    print(f"{len(answers)} rows: {submission}")


def labelled(table: Any) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, H, W) from 0 to 1 and labels (N,), which are 0 where the table has none."""
    images = table.images
    if images.shape[1] < 16:  # too few for two convolutions of 5 x 5 and their poolings
        images = images.repeat(2, axis=1).repeat(2, axis=2)
    labels = np.zeros(len(images), np.int64) if table.labels is None else table.labels
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return pixels.contiguous(), torch.from_numpy(labels)


def loss(model: nn.Module, batch: list[Tensor]) -> dict[str, Tensor]:
    images, labels = batch
    return {"loss": F.cross_entropy(model(images), labels)}


def scores(model: nn.Module, validation: tuple[Tensor, Tensor]) -> dict[str, float]:
    images, labels = validation
    logits = torch.cat([model(some) for some in images.split(500)])
    right = (logits.argmax(1) == labels).float().mean()
    return {"loss": F.cross_entropy(logits, labels).item(), "accuracy": right.item()}


def drawn_tables() -> tuple[Path, Path]:
    tables = digits_table(Path(tempfile.mkdtemp(prefix="digits-")))
    return tables.train, tables.test


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tables", type=Path, nargs="*", help="train.csv and test.csv (or .gz)")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/kaggle_digits"))
    arguments = parser.parse_args()
    if len(arguments.tables) not in (0, 2):
        parser.error("name both tables, train.csv and test.csv, or neither")
    return arguments


if __name__ == "__main__":
    main()
