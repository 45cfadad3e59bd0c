"""The smallest whole training: a layer learns to add three numbers.

    python examples/trainer/first_run.py

The same command again goes on where the last one ended.
"""

# --8<-- [start:imports]
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import resume
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

# --8<-- [end:imports]


# --8<-- [start:parts]
def make_trainer(out: Path, *, iterations: int = 200) -> Trainer:
    numbers = torch.randn(256, 3, generator=torch.Generator().manual_seed(0))

    def fetch(plan: Plan) -> Tensor:
        return numbers[plan.indices]

    def loss(network: nn.Module, batch: Tensor) -> dict[str, Tensor]:
        return {"loss": mse_loss(network(batch), batch.sum(1, keepdim=True))}

    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    batches = ShuffledBatches(len(numbers), 32, seed=0, fetch=fetch)
    updater = Updater(batches, model, torch.optim.SGD(model.parameters(), lr=0.1), loss=loss)
    return Trainer(updater, stop=(iterations, "iteration"), out=out)


# --8<-- [end:parts]


# --8<-- [start:run]
def train(out: Path) -> nn.Module:
    trainer = make_trainer(out)
    trainer.extend(LogReport())
    trainer.extend(Snapshot(), trigger=(20, "second"))
    resume(trainer, out / "snapshots")
    trainer.run()
    return trainer.updater.best_model


# --8<-- [end:run]


if __name__ == "__main__":
    model = train(Path("runs/first_run"))
    print(f"1 + 2 + 3 = {model(torch.tensor([1.0, 2.0, 3.0])).item():.2f}")
