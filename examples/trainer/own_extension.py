"""An extension of one's own: it reports the longest gradient so far, and remembers it.

python examples/trainer/own_extension.py
"""

from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from first_run import make_trainer

from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport
from akitsu.training.reporter import report
from akitsu.training.trainer import Trainer


# --8<-- [start:extension]
class LongestGradient(Extension):
    trigger = (1, "iteration")
    priority = Priority.WRITER  # before the log, so that the log has what is reported here
    longest = 0.0

    def __call__(self, trainer: Trainer) -> None:
        gradients = [p.grad for p in trainer.updater.model.parameters() if p.grad is not None]
        norm = sum(float(gradient.norm()) ** 2 for gradient in gradients) ** 0.5
        self.longest = max(self.longest, norm)
        report({"longest_gradient": self.longest})

    def state_dict(self) -> dict[str, Any]:
        return {"longest": self.longest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.longest = state["longest"]


# --8<-- [end:extension]


# --8<-- [start:run]
def half_way(trainer: Trainer) -> None:
    print(f"half-way, after {trainer.elapsed_s:.1f} s")


def train(out: Path) -> Trainer:
    trainer = make_trainer(out)
    trainer.extend(LongestGradient())
    trainer.extend(half_way, trigger=lambda trainer: trainer.updater.iteration == 100)
    trainer.extend(LogReport(), trigger=(50, "iteration"))
    trainer.extend(PrintReport(), trigger=(50, "iteration"))
    trainer.run()
    return trainer


# --8<-- [end:run]


if __name__ == "__main__":
    train(Path(mkdtemp(prefix="own-extension-")))
