"""Stops a training whose weights are no numbers any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from akitsu.errors import TrainingError
from akitsu.training.extension import Extension, Priority

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class FailOnNonNumber(Extension):
    """Looks for NaN and infinity in the weights; comes before any file is written from them."""

    trigger = (1, "epoch")
    priority = Priority.WRITER + 1  # ahead of the Evaluator too: it would score for nothing
    at_end = True

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Check all parameters.

        Raises:
            TrainingError: If one is not finite, with its name.
        """
        for name, parameter in trainer.updater.model.named_parameters():
            if not parameter.isfinite().all():
                raise TrainingError(
                    f"the weights {name} are no longer finite",
                    where=f"{trainer.out}, iteration {trainer.updater.iteration}",
                    do="lower optimizer.lr and begin anew, or set optimizer.clip_norm",
                )
