"""Puts a value of the caller's own into the observation."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor
from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.reporter import report

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class ObserveValue(Extension):
    """Reports what a function of the trainer gives, so that the log has it too.

    It acts in every process: the function may then compute with all of them.

    Args:
        key: What the value is reported as.
        function: From the trainer to a number or a scalar tensor.

    Example:
        ```
        trainer.extend(ObserveValue("seconds", lambda trainer: trainer.elapsed_s))
        ```
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER
    at_end = True
    everywhere = True

    def __init__(self, key: str, function: Callable[[Trainer], Tensor | float]) -> None:
        self.key, self.function = key, function

    @override
    def __call__(self, trainer: Trainer) -> None:
        report({self.key: self.function(trainer)})
