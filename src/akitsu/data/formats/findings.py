"""What a reader finds wrong with a data set: one sentence, with its place and its code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from akitsu.errors import DataError, FaultsError

Level = Literal["E", "W"]


@dataclass(frozen=True)
class Finding:
    """One thing wrong with a data set.

    Attributes:
        code: Short name of this kind of fault, as in "box-outside".
        level: "E": a reader refuses the set; "W": it goes on, and `do` says with what.
        where: File, and line, object or pixel in it.
        what: What is wrong, with the value met and the value wanted.
        do: What to do about it, or what akitsu does.

    Example:
        >>> str(Finding("img-empty", "E", "a.jpg", "0 bytes", "copy the picture again"))
        'a.jpg: 0 bytes; copy the picture again.'
    """

    code: str
    level: Level
    where: str
    what: str
    do: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.do}."

    @classmethod
    def from_error(cls, error: DataError, *, code: str) -> Finding:
        """The same fault as an error told it, to be listed among others."""
        return cls(code, "E", error.where, error.what, error.do)


def errors_of(findings: Iterable[Finding]) -> list[Finding]:
    """Only those that a reader refuses."""
    return [finding for finding in findings if finding.level == "E"]


def raise_if_broken(findings: Iterable[Finding], path: Path) -> None:
    """Raise all errors among the findings at once; warnings pass.

    Raises:
        FaultsError: If there is at least one finding of level E.
    """
    faults = [str(finding) for finding in errors_of(findings)]
    if faults:
        advice = "mend them, or leave the broken ones out with --skip-broken"
        raise FaultsError(faults, do=advice, where=path)
