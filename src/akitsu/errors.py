"""One family of errors: each is a sentence that says where, what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path


class AkitsuError(Exception):
    """A mistake that the user can mend, in one sentence: where, what, what to do."""

    def __init__(self, what: str, *, do: str, where: str | Path = "") -> None:
        super().__init__(what)
        self.what, self.do, self.where = what, do, str(where)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.what}; {self.do}."

    def __reduce__(self) -> tuple[object, ...]:  # a pickle would drop the keyword arguments
        return partial(type(self), self.what, do=self.do, where=self.where), ()


class DataError(AkitsuError, ValueError):
    """A picture, label, table or folder that cannot be used as it is."""


class RecipeError(AkitsuError, ValueError):
    """A recipe, or a setting of it, that does not say a run."""


class ShapeError(AkitsuError, ValueError):
    """An array whose shape does not fit what it is used for."""


class ModelFileError(AkitsuError, ValueError):
    """A model file that cannot be run, or was not made by akitsu."""


class SourceError(AkitsuError, OSError):
    """A camera, stream, video or folder that gives no frames."""


class OutputError(AkitsuError, OSError):
    """A file or folder that cannot be written, or would be overwritten."""


class TrainingError(AkitsuError, RuntimeError):
    """A training that cannot go on."""


class MissingExtraError(AkitsuError, ImportError):
    """A part of akitsu whose packages are not installed."""


class FaultsError(DataError):
    """Several faults of one data set at once, each a sentence of its own."""

    def __init__(self, faults: Sequence[str], *, do: str, where: str | Path = "") -> None:
        super().__init__(f"{len(faults)} faults", do=do, where=where)
        self.faults = list(faults)

    def __str__(self) -> str:
        shown = self.faults[:20]
        more = len(self.faults) - len(shown)
        count = f"{len(self.faults)} fault{'s' if len(self.faults) != 1 else ''}"
        lines = [*shown, f"… and {more} more"] if more else shown
        return "\n".join([*lines, f"{self.where}: {count}; {self.do}."])

    def __reduce__(self) -> tuple[object, ...]:
        return partial(type(self), self.faults, do=self.do, where=self.where), ()


def nearest(name: str, candidates: Iterable[str], *, otherwise: str) -> str:
    """Advice for a misspelt name: the nearest right one, or all of them.

    Example:
        >>> nearest("lerning_rate", ["learning_rate", "momentum"], otherwise="name another")
        'write learning_rate'
        >>> nearest("zzz", ["a", "b"], otherwise="choose one of a, b")
        'choose one of a, b'
    """
    close = get_close_matches(name, list(candidates), n=1, cutoff=0.5)
    return f"write {close[0]}" if close else otherwise


def require(module: str, *, extra: str, purpose: str) -> None:
    """Raise a sentence instead of an ImportError where an extra is not installed.

    Args:
        module: A top-level module that the extra brings.
        extra: The extra's name in `akitsu[extra]`.
        purpose: What it is needed for, as in "training".

    Raises:
        MissingExtraError: If the module cannot be found.
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MissingExtraError(
            f"{purpose} needs {module}, which is not installed",
            do=f'run pip install "akitsu[{extra}]"',
        )
