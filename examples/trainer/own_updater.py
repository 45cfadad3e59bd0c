"""An updater of one's own: a generative adversarial network (arXiv:1406.2661), two optimizers.

    python examples/trainer/own_updater.py

The generator learns to draw numbers as from a normal distribution of mean 3 and deviation 0.5.
"""

from pathlib import Path
from tempfile import mkdtemp

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.optim import Adam

from akitsu.training.average import Average
from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.reporter import report
from akitsu.training.schedules import cosine
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater


# --8<-- [start:updater]
class AdversarialUpdater(Updater):
    def learn(self, batch: Tensor) -> None:
        generator, critic = self.networks["generator"], self.networks["critic"]
        drawn = generator(torch.randn(len(batch), 4, device=batch.device))
        critic_loss = (softplus(-critic(batch)) + softplus(critic(drawn.detach()))).mean()
        self.descend(critic_loss, "critic")

        generator_loss = softplus(-critic(drawn)).mean()
        self.descend(generator_loss, "generator")
        report({"main/critic_loss": critic_loss, "main/generator_loss": generator_loss})


# --8<-- [end:updater]


# --8<-- [start:networks]
def perceptron(inputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 1))


def make_updater() -> Updater:
    torch.manual_seed(0)
    numbers = 3 + 0.5 * torch.randn(2048, 1)

    def fetch(plan: Plan) -> Tensor:
        return numbers[plan.indices]

    model = nn.ModuleDict({"generator": perceptron(4), "critic": perceptron(1)})
    optimizers = {
        name: Adam(part.parameters(), lr=0.01, betas=(0.0, 0.9)) for name, part in model.items()
    }
    batches, average = ShuffledBatches(2048, 128, seed=0, fetch=fetch), Average(model, 0.99)
    return AdversarialUpdater(batches, model, optimizers, schedule=cosine(), average=average)


# --8<-- [end:networks]


# --8<-- [start:run]
def make_trainer(out: Path, *, iterations: int = 1500) -> Trainer:
    trainer = Trainer(make_updater(), stop=(iterations, "iteration"), out=out)
    trainer.extend(LogReport(), trigger=(100, "iteration"))
    trainer.extend(PrintReport(["iteration", "main/critic_loss", "main/generator_loss"]))
    return trainer


def draw(trainer: Trainer, n: int) -> Tensor:
    generator = trainer.updater.best_model["generator"]
    with torch.inference_mode():
        return generator(torch.randn(n, 4))


# --8<-- [end:run]


if __name__ == "__main__":
    trainer = make_trainer(Path(mkdtemp(prefix="own-updater-")))
    trainer.run()
    drawn = draw(trainer, 4096)
    print(f"mean {float(drawn.mean()):.2f}, deviation {float(drawn.std()):.2f}")
