"""An extension of one's own: it watches how far the weights move, and remembers the longest way."""

from typing import Any

from akitsu.training.extension import Extension, Priority
from akitsu.training.reporter import report
from akitsu.training.trainer import Trainer


# --8<-- [start:extension]
class LongestStep(Extension):
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
