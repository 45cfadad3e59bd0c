"""When an extension acts: triggers that answer from the iteration alone, so a resume fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, inf
from typing import TYPE_CHECKING, Any

from akitsu.errors import RecipeError

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

Trigger = Callable[["Trainer"], bool]
# A trigger, or its short form: (10, "iteration"), (1, "epoch"), (0.5, "epoch"), (600, "second");
# None is never.
TriggerSpec = Trigger | Sequence[Any] | None

# In iterations: seven tenths of an epoch of ten batches may be 7.000000000000001 of them.
TIE = 1e-9


@dataclass(frozen=True)
class IntervalTrigger:
    """Fires every `n` iterations or epochs; a part of an epoch ends with the batch that fills it.

    It remembers nothing: asked twice in one iteration, or first asked after a resume, it says
    the same. (The idea is that of pytorch-pfn-extras' IntervalTrigger.)
    """

    n: float
    unit: str

    def __call__(self, trainer: Trainer) -> bool:
        """Whether this iteration is such a moment."""
        updater = trainer.updater
        iteration = updater.iteration
        length = self.n * (updater.batches.batches_per_epoch if self.unit == "epoch" else 1)
        if isinstance(length, int):  # asked in every iteration, so the usual case is quick
            return iteration > 0 and iteration % length == 0
        now, before = floor((iteration + TIE) / length), floor((iteration - 1 + TIE) / length)
        return iteration > 0 and now > before


@dataclass(frozen=True)
class ManualTrigger:
    """Fires at the moments of a list, such as `ManualTrigger((1, 2.5, 4), "epoch")`.

    `ManualTrigger((1,), "iteration")` fires once, after the first. It remembers nothing.
    """

    at: tuple[float, ...]
    unit: str

    def __call__(self, trainer: Trainer) -> bool:
        """Whether this iteration is the first that is not before one of them."""
        updater = trainer.updater
        length = updater.batches.batches_per_epoch if self.unit == "epoch" else 1
        return any(
            updater.iteration - 1 < moment * length - TIE <= updater.iteration for moment in self.at
        )


class TimeTrigger:
    """Fires when `seconds` of training have passed since it fired last.

    Two runs never meet the clock at the same iteration: only for what changes no result, such
    as snapshots.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._last_s: float | None = None

    def __call__(self, trainer: Trainer) -> bool:
        """Whether the time is up; the first call starts the clock."""
        now_s = trainer.clock_s
        if self._last_s is None:
            self._last_s = now_s
        if now_s - self._last_s < self.seconds:
            return False
        self._last_s = now_s
        return True


class OnceTrigger:
    """Fires in the first iteration in which it is asked, and never again.

    Args:
        again_after_resume: Fire once more in the first iteration after each resume.
    """

    def __init__(self, *, again_after_resume: bool = False) -> None:
        self.again_after_resume = again_after_resume
        self._fired = False

    def __call__(self, trainer: Trainer) -> bool:  # noqa: ARG002
        """Whether it has not fired before."""
        fires = not self._fired
        self._fired = True
        return fires

    def state_dict(self) -> dict[str, Any]:
        """Whether it has fired."""
        return {"fired": self._fired}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._fired = state["fired"] and not self.again_after_resume


def never(trainer: Trainer) -> bool:  # noqa: ARG001
    """Does not fire; an extension with `at_end` acts at the end all the same."""
    return False


def make_trigger(spec: TriggerSpec) -> Trigger:
    """The trigger of a short form.

    Args:
        spec: `(n, "iteration")`, `(n, "epoch")` (also 0.5), `(n, "second")`, None for never, or a
            trigger, which is given back.

    Raises:
        RecipeError: If it is none of these.
    """
    if spec is None:
        return never
    if callable(spec):
        return spec
    n, unit = interval(spec, units=("iteration", "epoch", "second"), where="trigger")
    return TimeTrigger(n) if unit == "second" else IntervalTrigger(n, unit)


def interval(spec: Sequence[Any], *, units: tuple[str, ...], where: str) -> tuple[float, str]:
    """The two parts of `[n, unit]`, checked.

    Args:
        spec: A whole number above 0 (of epochs also a part) and one of `units`.
        units: The units that make sense here.
        where: The name of the setting, for the message.

    Raises:
        RecipeError: If it is anything else.
    """
    match spec:
        case [int() as n, str() as unit] if n > 0 and unit in units and n is not True:
            return n, unit
        case [float() as n, "epoch"] if 0 < n < inf and "epoch" in units:
            return n, "epoch"
    choices = " or ".join(f'[100, "{unit}"]' for unit in units)
    raise RecipeError(f"{spec!r} says no moment", where=where, do=f"write it like {choices}")
