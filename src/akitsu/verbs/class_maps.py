"""How `predict --cam` shows a picture: its class, and where in it the evidence lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akitsu.errors import DataError, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]


def class_map_shower(run: Path) -> Callable[[Frame], tuple[Frame, dict[str, Any]]]:
    """What draws a frame with its class activation map, and says where the class was seen.

    Raises:
        DataError: If `run` is a model file, whose graph keeps its maps to itself.
        MissingExtraError: If PyTorch is not installed.
    """
    if not run.is_dir():
        raise DataError(
            "a model file gives no class activation maps",
            where=run,
            do="name the folder of its run, or leave out --cam",
        )
    require("torch", extra="train", purpose="--cam")
    import numpy as np

    from akitsu.recipes.class_map import class_map
    from akitsu.recipes.trained import open_run
    from akitsu.report.heat import draw_heat

    trained = open_run(run)

    def show(frame: Frame) -> tuple[Frame, dict[str, Any]]:
        seen = class_map(trained, frame)
        row, column = np.unravel_index(int(seen.heat.argmax()), seen.heat.shape)
        box = None if seen.box is None else [round(float(side), 1) for side in seen.box]
        drawn = draw_heat(frame, seen.heat, box=box if box is None else np.asarray(box))
        entry = {"class": seen.result.name, "score": round(seen.result.score, 4)}
        return seen.result.draw(drawn), entry | {"peak": [int(column), int(row)], "box": box}

    return show
