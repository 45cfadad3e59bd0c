"""How our plots look, and how they reach the disk; matplotlib is imported on first use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, filterwarnings

from akitsu.errors import require
from akitsu.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind eyes as well; the pale yellow is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#444444")
# Line styles go round after the colours, so that eleven classes are eleven different lines.
DASHES = ("-", "--", ":")
LONGEST_NAME = 24  # letters
# The first that is installed lends the letters that DejaVu lacks: class names may be Japanese.
FALLBACK_FONTS = ("Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "Hiragino Sans", "Yu Gothic")


@contextmanager
def figure(path: Path, *, size_wh: tuple[float, float]) -> Iterator[Figure]:
    """Give an empty figure, which becomes a PNG at `path` if the block ends well.

    Args:
        path: Where the PNG shall stand; one that is there already is replaced.
        size_wh: Inches, of 120 pixels each; the picture grows where a text needs it.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        OutputError: If the place cannot be written.
    """
    require("matplotlib", extra="train", purpose="a plot")
    import matplotlib
    from matplotlib.figure import Figure

    # A Figure of its own, rather than pyplot's: no display is asked for, and none is left open.
    with matplotlib.rc_context(_style()), catch_warnings():
        filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        canvas = Figure(figsize=size_wh, dpi=120, layout="constrained")
        yield canvas
        with whole_file(path) as temporary:
            # A title or a class name that is too long for the size asked for widens the picture.
            canvas.savefig(temporary, format="png", bbox_inches="tight", pad_inches=0.12)


def short(name: str) -> str:
    """A class name that leaves room for the plot beside it.

    Example:
        >>> short("traffic light, red, seen from behind")
        'traffic light, red, see…'
    """
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def line_style(index: int) -> dict[str, Any]:
    """Colour and dash of the index-th line of a plot."""
    dash = DASHES[index // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": dash}


def _style() -> dict[str, object]:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return {
        "font.family": ["DejaVu Sans", *[name for name in FALLBACK_FONTS if name in installed]],
        "font.size": 10,
        "text.parse_math": False,  # a class called "5$ or 10$" is no formula
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": "#888888",
        "axes.titlesize": 12,
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E6E6E6",
        "legend.frameon": False,
        "lines.linewidth": 1.8,
    }
