"""An updater of one's own: a generative adversarial network (arXiv:1406.2661), two optimizers.

    python examples/trainer/own_updater.py

The generator learns to draw numbers as from a normal distribution of mean 3 and deviation 0.5.
"""

from pathlib import Path
from tempfile import mkdtemp

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from akitsu.training.batches import Plan, ShuffledBatches
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.reporter import report
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater


# --8<-- [start:updater]
class AdversarialUpdater(Updater):
    def learn(self, batch: Tensor) -> None:
        generator, critic = self.networks["generator"], self.networks["critic"]
        drawn = generator(torch.randn(len(batch), 4))
        real, fake = critic(batch), critic(drawn.detach())
        critic_loss = (softplus(-real) + softplus(fake)).mean()
        self.descend(critic_loss, "critic")

        generator_loss = softplus(-critic(drawn)).mean()
        self.descend(generator_loss, "generator")
        report({"critic/loss": critic_loss, "generator/loss": generator_loss})


# --8<-- [end:updater]


# --8<-- [start:run]
def perceptron(inputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, 1))


def trained(iterations: int, out: Path) -> nn.Module:
    numbers = 3 + 0.5 * torch.randn(2048, 1, generator=torch.Generator().manual_seed(0))

    def fetch(plan: Plan) -> Tensor:
        return numbers[plan.indices]

    torch.manual_seed(0)
    model = nn.ModuleDict({"generator": perceptron(4), "critic": perceptron(1)})
    optimizers = {
        name: torch.optim.Adam(part.parameters(), lr=0.002, betas=(0.5, 0.9))
        for name, part in model.items()
    }
    batches = ShuffledBatches(len(numbers), 128, seed=0, fetch=fetch)
    trainer = Trainer(
        AdversarialUpdater(batches, model, optimizers), stop=(iterations, "iteration"), out=out
    )
    trainer.extend(LogReport(), trigger=(100, "iteration"))
    trainer.run()
    return trainer.updater.model["generator"]


# --8<-- [end:run]


def main() -> None:
    generator = trained(1500, Path(mkdtemp(prefix="gan-")))
    with torch.inference_mode():
        drawn = generator(torch.randn(4096, 4, generator=torch.Generator().manual_seed(1)))
    print(f"mean {float(drawn.mean()):.2f}, deviation {float(drawn.std()):.2f}")


if __name__ == "__main__":
    main()
