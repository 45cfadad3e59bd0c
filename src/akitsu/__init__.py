"""akitsu teaches robots to see: what is it, where is it, what shape is it.

The robot's side is one call: `akitsu.load("model.onnx")(frame)`. Nothing here imports torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akitsu.runtime.recognizer import Recognizer

__version__ = "0.1.0"


def load(path: str | Path, *, threads: int | None = None) -> Recognizer:
    """Open a model file for recognition.

    Args:
        path: A `.onnx` file that `akitsu export` or `akitsu train` wrote.
        threads: CPU threads for one picture; None takes all that this process may use.

    Returns:
        A recognizer: call it with an (H, W, 3) RGB uint8 frame.

    Raises:
        ModelFileError: If the file is missing, broken, or not a model file of akitsu.
    """
    from akitsu.runtime.recognizer import Recognizer

    return Recognizer(path, threads=threads)
