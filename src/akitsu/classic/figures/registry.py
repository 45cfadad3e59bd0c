"""The figures by name: each registers itself in its own file, and a new file is enough."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akitsu.errors import RecipeError, nearest, require
from akitsu.files import require_absent, whole_file, write_text
from akitsu.gather import import_all
from akitsu.report.figures import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 128  # of a written picture


@dataclass(frozen=True)
class Drawn:
    """What the function of a figure brings back: computed, and not yet on paper.

    Attributes:
        numbers: What is drawn, by name: numbers, words, arrays, or dicts of them.
        draw: Puts them into an empty figure.
        texts: Further files, text by suffix, as in `{".dot": "digraph …"}`.
    """

    numbers: Mapping[str, Any]
    draw: Callable[[Figure], None]
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassicFigure:
    """One figure as `akitsu draw` knows it.

    Attributes:
        name: As typed; the file under `akitsu/classic/figures/` has it with underscores.
        size_wh: Inches, of 120 pixels each.
        suffixes: Of the files that it writes, the picture's ".png" first.
        make: `() -> Drawn`; its docstring is what one sees, in a sentence.
    """

    name: str
    size_wh: tuple[float, float]
    suffixes: tuple[str, ...]
    make: Callable[[], Drawn]

    @property
    def sees(self) -> str:
        """What one sees, in one sentence: the docstring of its function."""
        return " ".join(inspect.cleandoc(self.make.__doc__ or "").split())

    def paths(self, folder: Path) -> list[Path]:
        """Where its files stand in `folder`, the picture first."""
        return [folder / f"{self.name}{suffix}" for suffix in self.suffixes]

    def write(self, folder: Path, *, force: bool = False) -> dict[str, Any]:
        """Compute it, and write its files into `folder`.

        Returns:
            `name`, `sees`, `files` and `numbers`, as `akitsu draw --json` prints them.

        Raises:
            OutputError: If a file stands there and `force` is False, or the place cannot be
                written.
            MissingExtraError: If matplotlib or scikit-learn is not installed.
        """
        require_absent(*self.paths(folder), force=force)
        require("sklearn", extra="train", purpose="a figure of the classifiers")
        drawn = self.make()
        picture, *texts = self.paths(folder)
        with figure(picture, size_wh=self.size_wh) as canvas:
            drawn.draw(canvas)
        _use_palette(picture)
        for path in texts:
            write_text(path, drawn.texts[path.suffix])
        files = [str(path) for path in self.paths(folder)]
        numbers = {key: plain(value) for key, value in drawn.numbers.items()}
        return {"name": self.name, "sees": self.sees, "files": files, "numbers": numbers}


_figures: dict[str, ClassicFigure] = {}
Make = Callable[[], Drawn]


def classic_figure(
    name: str, *, size_wh: tuple[float, float], suffixes: tuple[str, ...] = ()
) -> Callable[[Make], Make]:
    """Register a function `() -> Drawn` as the figure called `name`; `suffixes` beside ".png"."""

    def enter(make: Make) -> Make:
        _figures[name] = ClassicFigure(name, size_wh, (".png", *suffixes), make)
        return make

    return enter


@cache
def _walk() -> None:
    import_all("akitsu.classic.figures")


def entries() -> dict[str, ClassicFigure]:
    """All figures by name."""
    _walk()
    return dict(sorted(_figures.items()))


def entry(name: str) -> ClassicFigure:
    """The figure called `name`.

    Raises:
        RecipeError: If there is none.
    """
    known = entries()
    if name not in known:
        choices = "choose one of " + ", ".join(known)
        raise RecipeError(
            f"there is no figure {name!r}", do=nearest(name, known, otherwise=choices)
        )
    return known[name]


def _use_palette(path: Path) -> None:
    """Write a PNG again with 128 colours: nobody sees a difference, and it is a third as large."""
    from PIL import Image

    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS)
    with whole_file(path) as temporary:
        small.save(temporary, format="PNG", optimize=True)


def plain(value: Any) -> Any:
    """The same value in what JSON knows: arrays become lists, NumPy's numbers Python's.

    Example:
        >>> plain({"p": np.array([0.0, 0.5]), "n": np.int64(3)})
        {'p': [0.0, 0.5], 'n': 3}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
