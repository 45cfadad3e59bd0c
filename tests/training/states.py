"""What a snapshot would hold after each iteration of a run."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from akitsu.training.trainer import Trainer


def states_of(trainer: Trainer) -> dict[int, dict[str, Any]]:
    """Run to the end; give a copy of the state after each iteration, by its number."""
    states: dict[int, dict[str, Any]] = {}

    def keep(trainer: Trainer) -> None:
        states[trainer.updater.iteration] = deepcopy(trainer.state_dict())

    trainer.extend(keep, trigger=(1, "iteration"), priority=-1)
    trainer.run()
    return states
