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
from akitsu.training.processes import Agreement, gathered
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
    before_training: bool
    observes: bool

    def state_dict(self) -> dict[str, Any]:
        """The extension's state; its trigger's, where that has one."""
        keeps = getattr(self.trigger, "state_dict", None)
        trigger = {} if keeps is None else {"trigger": keeps()}
        return {"extension": self.extension.state_dict(), **trigger}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.extension.load_state_dict(state["extension"])
        takes = getattr(self.trigger, "load_state_dict", None)
        if takes is not None and "trigger" in state:
            takes(state["trigger"])


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
        clock_s: `elapsed_s` at the last iteration, in all processes as in the first.
        stopped: Why the training ended before that, in words; None where it did not.

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
        self.stopped: str | None = None
        self.clock_s = 0.0
        self._entries: list[_Entry] = []
        self._elapsed_before_s = 0.0
        self._started_at_s: float | None = None

    @property
    def finished(self) -> bool:
        """Whether the last iteration is done, or somebody stopped the training."""
        return self.updater.iteration >= self.last_iteration or self.stopped is not None

    @property
    def elapsed_s(self) -> float:
        """Seconds of training, those before a resume included."""
        if self._started_at_s is None:
            return self._elapsed_before_s
        return self._elapsed_before_s + monotonic() - self._started_at_s

    def stop(self, reason: str) -> None:
        """End the training after this iteration; a resumed run stays ended."""
        self.stopped = reason

    def extend(
        self,
        extension: Extension | Callable[[Trainer], object],
        *,
        name: str | None = None,
        trigger: TriggerSpec = None,
        priority: int | None = None,
        before_training: bool | None = None,
    ) -> None:
        """Hang an extension, or a plain function of the trainer, on the run.

        Args:
            extension: What shall act.
            name: What its state is saved under; by default the name of its class or function.
            trigger: When it acts; by default what its class says.
            priority: Its place among those due together; by default what its class says.
            before_training: Whether it also acts before the first iteration; likewise.

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
        before = extension.before_training if before_training is None else before_training
        observes = type(extension).observe is not Extension.observe
        self._entries.append(_Entry(name, extension, trigger, priority, before, observes))
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
            KeyboardInterrupt: After Ctrl-C, when the iteration is done and its snapshot, where
                there is a Snapshot, is written.
            TerminatedError: The same after SIGTERM.
        """
        acting = [entry for entry in self._entries if self._acts_here(entry.extension)]
        with ExitStack() as stack:
            self._started_at_s = monotonic()
            stack.callback(self._stop_clock)
            stack.callback(getattr(self.updater.batches, "close", _nothing))
            for entry in acting:
                stack.callback(entry.extension.finalize, self)
                entry.extension.initialize(self)
            interrupts = stack.enter_context(Interrupts())
            try:
                self._act_before_training(acting)
                if self._loop(acting, interrupts):
                    self._leave(acting)
                    raise interrupts.pending or KeyboardInterrupt
            except BaseException as error:
                for entry in acting:
                    entry.extension.on_error(self, error)
                raise

    def _acts_here(self, extension: Extension) -> bool:
        return extension.everywhere or self.updater.fabric.is_global_zero

    def _act_before_training(self, acting: list[_Entry]) -> None:
        if self.updater.iteration > 0:
            return
        self.observation = {}
        with observing(self.observation):
            for entry in acting:
                if entry.before_training:
                    entry.extension(self)

    def _loop(self, acting: list[_Entry], interrupts: Interrupts) -> bool:
        """Iterate to the end; whether it was interrupted before, in this process or another."""
        agreement = Agreement(self.updater.fabric)
        while not self.finished:
            pending = interrupts.pending is not None
            interrupted, self.clock_s = agreement.reach(pending, self.elapsed_s)
            if interrupted:
                break
            self._iterate(acting)
        return agreement.last(interrupts.pending is not None)

    def _iterate(self, acting: list[_Entry]) -> None:
        self.observation = {}
        with observing(self.observation):
            self.updater.update()
            for entry in acting:
                extension = entry.extension
                if entry.observes:
                    extension.observe(self)
                if entry.trigger(self) or (self.finished and extension.at_end):
                    extension(self)

    def _leave(self, acting: list[_Entry]) -> None:
        """Save the run before it is interrupted; no process leaves before it is saved."""
        for entry in acting:
            if isinstance(entry.extension, Snapshot):
                entry.extension(self)
                entry.extension.finalize(self)
        self.updater.fabric.barrier()

    def _stop_clock(self) -> None:
        self._elapsed_before_s = self.elapsed_s
        self._started_at_s = None

    def states_of_others(self) -> list[dict[str, Any]]:
        """What the extensions of the other processes know, such as the losses of their rows.

        Every process has to ask, in the same iteration.
        """
        own = {
            entry.name: entry.state_dict() for entry in self._entries if entry.extension.everywhere
        }
        return gathered(self.updater.fabric, own)[1:]

    def state_dict(self, others: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        """Everything that the rest of the run depends on, the global random state apart.

        Args:
            others: Of `states_of_others`.
        """
        return {
            "updater": self.updater.state_dict(),
            "extensions": {entry.name: entry.state_dict() for entry in self._entries},
            "others": list(others),
            "elapsed_s": self.elapsed_s,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`; an extension that is new since then begins anew."""
        self.updater.load_state_dict(state["updater"])
        states = dict(state["extensions"])
        number, processes = self.updater.fabric.global_rank, self.updater.fabric.world_size
        # With another number of processes than then, each goes on with what the first one knew.
        if number > 0 and len(state["others"]) == processes - 1:
            states |= state["others"][number - 1]
        for entry in self._entries:
            if entry.name in states:
                entry.load_state_dict(states[entry.name])
        self._elapsed_before_s = state["elapsed_s"]
        self.stopped = state["stopped"]


def _nothing() -> None:
    """To end batches that have nothing to end."""
