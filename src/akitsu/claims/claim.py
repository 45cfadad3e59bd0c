"""A claim of a paper: what it says, a function that tries it, and what came out."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from akitsu.errors import RecipeError, nearest
from akitsu.gather import import_all
from akitsu.recipes.seeds import spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Finding:
    """One figure of the evidence, and whether it is as the claim demands.

    Attributes:
        statement: What was looked at, such as "parameters of SqueezeNet 1.0, 1000 classes".
        value: What came out; of several seeds the mean.
        demand: What the claim demands of it, in words: "= 1,248,424", "at least 0.9".
        holds: Whether it is so.
        low: Lower end of the 95 % interval of the mean over seeds; None for a single figure.
        high: Upper end.
        n: Seeds.
    """

    statement: str
    value: float
    demand: str
    holds: bool
    low: float | None = None
    high: float | None = None
    n: int = 1

    def to_json(self) -> dict[str, Any]:
        """As in docs/results/claims; what is not finite is None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        finite = {k: v if v is not None and math.isfinite(v) else None for k, v in numbers.items()}
        words = {"statement": self.statement, "demand": self.demand, "holds": self.holds}
        return words | finite | {"n": self.n}


def equal(statement: str, value: float, wanted: float) -> Finding:
    """A figure that follows from the definition: not nearly, but exactly."""
    return Finding(statement, value, f"= {wanted:,}", value == wanted)


def at_least(statement: str, values: float | Sequence[float], least: float) -> Finding:
    """A figure, or the mean over seeds, that must not lie below `least`."""
    return _compared(statement, values, f"at least {least:,g}", lambda mean: mean >= least)


def at_most(statement: str, values: float | Sequence[float], most: float) -> Finding:
    """A figure, or the mean over seeds, that must not lie above `most`."""
    return _compared(statement, values, f"at most {most:,g}", lambda mean: mean <= most)


def true(statement: str, fact: bool) -> Finding:
    """A statement that is right or wrong; it counts as 1 or 0."""
    return Finding(statement, float(fact), "true", bool(fact))


def _compared(
    statement: str,
    values: float | Sequence[float],
    demand: str,
    judge: Callable[[float], bool],
) -> Finding:
    if not isinstance(values, Sequence):
        return Finding(statement, float(values), demand, judge(float(values)))
    over = spread([float(value) for value in values])
    several = len(values) > 1
    return Finding(
        statement,
        over.mean,
        demand,
        judge(over.mean),
        low=over.low if several else None,
        high=over.high if several else None,
        n=len(values),
    )


@dataclass(frozen=True)
class Evidence:
    """What a claim's function brings back.

    Attributes:
        findings: In the order of the paper's argument; all must hold.
        draw: Draws the evidence into an empty figure.
        limits: What this does not show, in sentences: what the paper did at another scale.
    """

    findings: tuple[Finding, ...]
    draw: Callable[[Figure], None]
    limits: str = ""

    @property
    def holds(self) -> bool:
        """Whether every finding is as the claim demands."""
        return all(finding.holds for finding in self.findings)


Check = Callable[..., Evidence]


@dataclass(frozen=True)
class Claim:
    """One paper's claim as `akitsu check` knows it.

    Attributes:
        name: As typed; the file under `akitsu/claims/` has it with underscores.
        title: The paper's.
        paper: Where it stands, such as "arXiv:1512.03385".
        year: Of the paper.
        models: Registered networks of the paper.
        idea: What `idea=False` takes away: without it at least one finding must fail.
        slow: Whether it takes more than about 20 seconds on one core.
        check: `(*, idea: bool = True) -> Evidence`.
    """

    name: str
    title: str
    paper: str
    year: int
    models: tuple[str, ...]
    idea: str
    slow: bool
    check: Check

    @property
    def statement(self) -> str:
        """What the paper promises: the docstring of its function."""
        return inspect.cleandoc(self.check.__doc__ or "")


_claims: dict[str, Claim] = {}


def claim(
    name: str,
    *,
    title: str,
    paper: str,
    year: int,
    idea: str,
    models: Sequence[str] = (),
    slow: bool = False,
) -> Callable[[Check], Check]:
    """Register a function `(*, idea: bool = True) -> Evidence` as the claim of a paper."""

    def enter(check: Check) -> Check:
        _claims[name] = Claim(name, title, paper, year, tuple(models), idea, slow, check)
        return check

    return enter


@cache
def _walk() -> None:
    import_all("akitsu.claims")


def claims() -> dict[str, Claim]:
    """All claims by name."""
    _walk()
    return dict(sorted(_claims.items()))


def find(name: str) -> Claim:
    """The claim called `name`.

    Raises:
        RecipeError: If there is none.
    """
    known = claims()
    if name not in known:
        choices = "choose one of " + ", ".join(known)
        raise RecipeError(f"there is no claim {name!r}", do=nearest(name, known, otherwise=choices))
    return known[name]
