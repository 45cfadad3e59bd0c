"""What can be hung on a run: the base class of all extensions, and the order they act in."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.training.triggers import TriggerSpec

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class Priority(IntEnum):
    """Who acts first when several are due in one iteration: the highest number."""

    WRITER = 300  # adds to the observation, or stops a run that is broken
    EDITOR = 200  # makes something of the observation: the log, the best weights
    READER = 100  # shows what the editors made
    KEEPER = 0  # saves all of the above


class Extension:
    """Something that acts at moments of a run.

    Attributes:
        trigger: When `__call__` runs.
        priority: Its place among those due in the same iteration; higher is earlier.
        at_end: Whether it also runs in the last iteration.
        before_training: Whether it also runs before the first iteration.
        everywhere: Where several processes train together: whether it acts in each of them. What
            writes or shows acts in the first alone; what scores, stops or changes the training
            has to act in all, or they part company.
    """

    trigger: TriggerSpec = (1, "epoch")
    priority: int = Priority.READER
    at_end: bool = False
    before_training: bool = False
    everywhere: bool = False

    def __call__(self, trainer: Trainer) -> None:
        """Act: the trigger fired."""

    def observe(self, trainer: Trainer) -> None:
        """See every iteration; runs before `__call__`, and has to be quick."""

    def initialize(self, trainer: Trainer) -> None:
        """Prepare, after a resume and before the first iteration."""

    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        """See what ends the training early; it is raised all the same."""

    def finalize(self, trainer: Trainer) -> None:
        """Clean up; runs however the training ends."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run has to know: numbers, strings, tensors, lists and dicts only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` gave."""


class FunctionExtension(Extension):
    """A plain function of the trainer as an extension; it acts in the first process alone."""

    def __init__(self, function: Callable[[Trainer], object]) -> None:
        self._function = function

    @override
    def __call__(self, trainer: Trainer) -> None:
        self._function(trainer)
