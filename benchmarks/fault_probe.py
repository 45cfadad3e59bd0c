"""What `faults.py` hangs on the trainings that it hurts, as any third party's extension is hung.

It notes every iteration at once, so that what a fault cost can be counted, and it can make a layer
overflow, which no setting of a recipe does at a moment of one's choice.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn
from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.trainer import Trainer

# The folder of both files: outside the run, whose disk may be full.
VARIABLE = "AKITSU_FAULT_PROBE"
ITERATIONS = "iterations.txt"
OVERFLOW = "overflow"


class FaultProbe(Extension):
    """Writes the number of each iteration after its update; while OVERFLOW is there, breaks it."""

    trigger = (1, "iteration")
    # Ahead of all others: the update is done, whatever befalls them.
    priority = Priority.WRITER + 2

    def __init__(self) -> None:
        self._folder = Path(os.environ[VARIABLE])

    @override
    def initialize(self, trainer: Trainer) -> None:
        convolutions = [m for m in trainer.updater.model.modules() if isinstance(m, nn.Conv2d)]
        convolutions[len(convolutions) // 2].register_forward_hook(self._overflow)

    @override
    def __call__(self, trainer: Trainer) -> None:
        with (self._folder / ITERATIONS).open("a") as file:
            file.write(f"{trainer.updater.iteration}\n")

    def _overflow(self, module: nn.Module, inputs: object, output: object) -> object:
        del inputs
        if module.training and (self._folder / OVERFLOW).exists():
            return output * float("inf")
        return None
