"""UberNet in small: one trunk learns three tasks from three sets, each labelled for one of them.

    python examples/digits_uber.py

The pictures are scikit-learn's digits of 8 x 8 pixels in three heaps. In the first it is known
which digit each is, in the second whether it stands upright, lies or stands on its head, in the
third which pixels have ink. At the end one pass answers all three of a picture that was in none of
them. The same command again goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.models.classification.ubernet import MultiTask, PictureHead, PixelHead, Trunk
from akitsu.training.asynchronous import AsyncUpdater, TaskBatch
from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.interleaved import Interleaved
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer

Labelled = tuple[Tensor, Tensor]

WIDTHS = (16, 32)
BATCH_SIZE = 32
QUARTER_TURNS = 4
INK_FROM = 0.5
TASKS = ("digit", "turn", "ink")


def main() -> None:
    arguments = parsed_arguments()
    images, digits = pictures_of("train")
    # Every third picture to each heap: no picture is labelled for two tasks.
    heaps = {
        task: labelled(task, images[first :: len(TASKS)], digits[first :: len(TASKS)])
        for first, task in enumerate(TASKS)
    }
    images, digits = pictures_of("val")
    validation = {task: labelled(task, images, digits) for task in TASKS}

    trainer = make_trainer(heaps, validation, epochs=arguments.epochs, out=arguments.out)
    resume(trainer, arguments.out / "snapshots")
    trainer.run()

    model = trainer.updater.model.eval()
    with torch.no_grad():
        answers = {task: logits.argmax(1) for task, logits in model(images[:1]).items()}
    print(f"digit {answers['digit'].item()}, in truth {digits[0].item()}")
    print(f"turned by {90 * answers['turn'].item()} degrees, in truth by 0")
    for row in answers["ink"][0]:
        print("".join(".#"[pixel] for pixel in row))


def make_trainer(
    heaps: dict[str, Labelled], validation: dict[str, Labelled], *, epochs: int, out: Path
) -> Trainer:
    torch.manual_seed(0)
    heads = {
        "digit": PictureHead(WIDTHS, 10),
        "turn": PictureHead(WIDTHS, QUARTER_TURNS),
        "ink": PixelHead(WIDTHS, 2),
    }
    model = MultiTask(Trunk(1, WIDTHS), heads)
    groups = {"trunk": model.trunk, **heads}
    updater = AsyncUpdater(
        Interleaved({task: batches_of(task, heap) for task, heap in heaps.items()}),
        model,
        {name: torch.optim.Adam(part.parameters(), lr=0.01) for name, part in groups.items()},
        losses=dict.fromkeys(TASKS, F.cross_entropy),
        # The trunk waits for a batch of every heap, a head for one of its own.
        pictures={"trunk": len(TASKS) * BATCH_SIZE, **dict.fromkeys(TASKS, BATCH_SIZE)},
        fabric=Fabric(accelerator="cpu", devices=1),
    )
    trainer = Trainer(updater, stop=(epochs, "epoch"), out=out)
    trainer.extend(Evaluator(lambda trained: accuracies(trained, validation)))
    trainer.extend(Snapshot(), trigger=(10, "epoch"))
    trainer.extend(LogReport())
    trainer.extend(PrintReport(["epoch", *(f"validation/main/{task}" for task in TASKS)]))
    return trainer


def batches_of(task: str, heap: Labelled) -> ShuffledBatches:
    images, targets = heap

    def fetch(plan: Plan) -> TaskBatch:
        return TaskBatch(images[plan.indices], {task: targets[plan.indices]})

    return ShuffledBatches(len(images), BATCH_SIZE, seed=0, fetch=fetch)


def accuracies(
    model: Callable[[Tensor], dict[str, Tensor]], sets: dict[str, Labelled]
) -> dict[str, float]:
    """By task, the share of pictures (of pixels, for the ink) that are answered right."""
    found = {}
    for task, (images, targets) in sets.items():
        found[task] = (model(images)[task].argmax(1) == targets).float().mean().item()
    return found


def labelled(task: str, images: Tensor, digits: Tensor) -> Labelled:
    """Pictures (N, 1, H, W) and what is known of them for one task."""
    if task == "digit":
        return images, digits
    if task == "ink":
        return images, (images[:, 0] > INK_FROM).long()
    turns = torch.arange(len(images)) % QUARTER_TURNS
    turned = [image.rot90(int(turn), (1, 2)) for image, turn in zip(images, turns, strict=True)]
    return torch.stack(turned), turns


def pictures_of(split: str) -> Labelled:
    """Pixels (N, 1, H, W) from 0 to 1 and digits (N,)."""
    with tempfile.TemporaryDirectory() as folder:
        table = read(digits_table(Path(folder)).train, split)
    images = torch.from_numpy(table.images).movedim(3, 1).float() / 255
    return images, torch.from_numpy(table.labels)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("runs/digits_uber"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
