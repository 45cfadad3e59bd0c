"""A run as an int8 model file: calibrated on its training set, scored on its validation set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from akitsu.deploy.int8 import Calibration, Int8, Progress, write_int8
from akitsu.recipes import directory
from akitsu.recipes.finish import export_run
from akitsu.recipes.trained import Trained, read_split


def int8_run(
    trained: Trained,
    path: Path,
    *,
    data: Path | None = None,
    calibration: Calibration | None = None,
    force: bool = True,
    show: Callable[[Int8], object] = lambda _: None,
    progress: Progress = iter,
) -> Int8:
    """Export a trained run in float32, compared with its network, and write that file in int8.

    Args:
        trained: The run.
        path: The int8 file.
        data: Where its set lies now; None takes the recipe's.
        calibration: How many pictures calibrate, and the loss that is accepted.
        force, show, progress: As of `akitsu.deploy.int8.write_int8`, with its errors.

    Raises:
        TrainingError: If the float32 file would answer otherwise than the network.
    """
    splits = trained.recipe.data
    training = read_split(trained.recipe, splits.train, data=data)
    validation = read_split(trained.recipe, splits.validation, data=data)
    with TemporaryDirectory() as folder:
        source = Path(folder) / directory.MODEL
        export_run(trained, source, data=data)
        return write_int8(
            source,
            path,
            training=training,
            validation=validation,
            calibration=calibration,
            force=force,
            show=show,
            progress=progress,
        )
