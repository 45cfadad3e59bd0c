"""Scores the model on pictures that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn
from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.randomness import untouched_randomness
from akitsu.training.reporter import report, scope

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class Evaluator(Extension):
    """Reports `<prefix>/main/<key>` for each score; the training goes on as if it had not run.

    Args:
        evaluate: From the model (the averaged one where there is one), in evaluation mode and
            without gradients, to scores by key.
            Where several processes train together, each calls it: it may share out the pictures
            and gather what was found, and has to come to the same scores in all.
        prefix: Which pictures these are.
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER
    at_end = True
    everywhere = True

    def __init__(
        self, evaluate: Callable[[nn.Module], dict[str, float]], prefix: str = "validation"
    ) -> None:
        self.evaluate, self.prefix = evaluate, prefix

    @override
    def __call__(self, trainer: Trainer) -> None:
        model = trainer.updater.best_model
        # no_grad, not inference_mode: what a model caches there could never be trained through.
        with untouched_randomness(), _evaluation_mode(model), torch.no_grad():
            scores = self.evaluate(model)
        with scope(self.prefix), scope("main"):
            report(scores)


@contextmanager
def _evaluation_mode(model: nn.Module) -> Iterator[None]:
    """All layers in evaluation mode, and each back in its own afterwards: some may be frozen."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
