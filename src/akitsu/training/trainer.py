"""The loop: update, then let every extension act whose moment has come. (Chainer's design.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic
from typing import Any

from akitsu.errors import TrainingError, nearest
from akitsu.training.extension import Extension, FunctionExtension
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.interrupts import Interrupts
from akitsu.training.reporter import Observation, observing
from akitsu.training.triggers import TIE, Trigger, TriggerSpec, interval, make_trigger
from akitsu.training.updater import Updater


@dataclass(frozen=True)
class _Entry:
    """An extension as it hangs on this run."""

    name: str
    extension: Extension
    trigger: Trigger
    priority: int


class Trainer:
    """Runs an updater until the end, and its extensions at their moments.

    Args:
        updater: What learns.
        stop: When the training ends: `(5, "epoch")`, also `(0.5, "epoch")`, or
            `(1000, "iteration")`.
        out: The folder that extensions write to.

    Attributes:
        observation: What was reported in the running iteration, by key.
        last_iteration: The number of the last iteration.

    Raises:
        RecipeError: If `stop` says no end.

    Example:
        ```
        trainer = Trainer(updater, stop=(5, "epoch"), out=Path("runs/digits"))
        trainer.extend(LogReport(), trigger=(100, "iteration"))
        trainer.extend(Snapshot())
        trainer.run()
        ```
    """

    def __init__(self, updater: Updater, *, stop: Sequence[Any], out: Path) -> None:
        n, unit = interval(stop, units=("epoch", "iteration"), where="stop")
        self.updater, self.out = updater, out
        length = 1 if unit == "iteration" else updater.batches.batches_per_epoch
        self.last_iteration = ceil(n * length - TIE)
        updater.last_iteration = self.last_iteration
        self.observation: Observation = {}
        self._entries: list[_Entry] = []
        self._elapsed_before_s = 0.0
        self._started_at_s: float | None = None

    @property
    def finished(self) -> bool:
        """Whether the last iteration is done."""
        return self.updater.iteration >= self.last_iteration

    @property
    def elapsed_s(self) -> float:
        """Seconds of training, those before a resume included."""
        if self._started_at_s is None:
            return self._elapsed_before_s
        return self._elapsed_before_s + monotonic() - self._started_at_s

    def extend(
        self,
        extension: Extension | Callable[[Trainer], object],
        *,
        name: str | None = None,
        trigger: TriggerSpec = None,
        priority: int | None = None,
    ) -> None:
        """Hang an extension, or a plain function of the trainer, on the run.

        Args:
            extension: What shall act.
            name: What its state is saved under; by default the name of its class or function.
            trigger: When it acts; by default what its class says.
            priority: Its place among those due together; by default what its class says.

        Raises:
            TrainingError: If the name is taken.
        """
        if not isinstance(extension, Extension):
            name = name or getattr(extension, "__name__", type(extension).__name__)
            extension = FunctionExtension(extension)
        name = name or type(extension).__name__
        if any(entry.name == name for entry in self._entries):
            raise TrainingError(f"two extensions are called {name}", do="give one another name")
        trigger = make_trigger(extension.trigger if trigger is None else trigger)
        priority = extension.priority if priority is None else priority
        self._entries.append(_Entry(name, extension, trigger, priority))
        self._entries.sort(key=lambda entry: -entry.priority)

    def extension(self, name: str) -> Extension:
        """The extension of that name.

        Raises:
            TrainingError: If there is none.
        """
        for entry in self._entries:
            if entry.name == name:
                return entry.extension
        names = [entry.name for entry in self._entries]
        advice = nearest(name, names, otherwise=f"extend the trainer with a {name}")
        raise TrainingError(f"there is no extension {name}", do=advice)

    def run(self) -> None:
        """Train until the end.

        Raises:
            KeyboardInterrupt: After Ctrl-C or SIGTERM, when the iteration is done and its
                snapshot, where there is a Snapshot, is written.
        """
        with ExitStack() as stack:
            self._started_at_s = monotonic()
            stack.callback(self._stop_clock)
            for entry in self._entries:
                stack.callback(entry.extension.finalize, self)
                entry.extension.initialize(self)
            interrupts = stack.enter_context(Interrupts())
            while not self.finished and not interrupts.pending:
                self._iterate()
            if interrupts.pending:
                self._leave()

    def _iterate(self) -> None:
        self.observation = {}
        with observing(self.observation):
            self.updater.update()
            for entry in self._entries:
                entry.extension.observe(self)
                if entry.trigger(self) or (entry.extension.at_end and self.finished):
                    entry.extension(self)

    def _leave(self) -> None:
        for entry in self._entries:
            if isinstance(entry.extension, Snapshot):
                entry.extension(self)
        raise KeyboardInterrupt

    def _stop_clock(self) -> None:
        self._elapsed_before_s = self.elapsed_s
        self._started_at_s = None

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on, the global random state apart."""
        return {
            "updater": self.updater.state_dict(),
            "extensions": {entry.name: entry.extension.state_dict() for entry in self._entries},
            "elapsed_s": self.elapsed_s,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`; an extension that is new since then begins anew."""
        self.updater.load_state_dict(state["updater"])
        for entry in self._entries:
            if entry.name in state["extensions"]:
                entry.extension.load_state_dict(state["extensions"][entry.name])
        self._elapsed_before_s = state["elapsed_s"]
