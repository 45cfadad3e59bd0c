"""The units of a layer that have a name: what each of them looks at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError
from akitsu.report.figures import figure, short


def draw_units(path: Path, rows: Sequence[tuple[str, Sequence[NDArray[np.uint8]]]]) -> None:
    """Write a grid as a PNG: a row a unit, its name in front of its pictures.

    Args:
        path: Where the PNG shall stand.
        rows: Name and (H, W, 3) pictures of each unit.

    Raises:
        DataError: If there is none.
    """
    columns = max((len(frames) for _, frames in rows), default=0)
    if not columns:
        raise DataError("there is no unit to show", do="dissect a layer that has units")
    height, width = rows[0][1][0].shape[:2]
    cell = 1.7
    size_wh = (1.6 + cell * columns, 0.4 + cell * height / width * len(rows))
    with figure(path, size_wh=size_wh) as canvas:
        grid = canvas.subplots(len(rows), columns, squeeze=False)
        for axes in grid.flat:
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)
        for line, (name, frames) in zip(grid, rows, strict=True):
            label = "\n".join(short(part) for part in name.splitlines())
            line[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
            for axes, frame in zip(line, frames, strict=False):
                axes.imshow(frame)
