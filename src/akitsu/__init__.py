"""akitsu teaches robots to see: what is it, where is it, what shape is it.

The robot's side is one call: `akitsu.load("model.onnx")(frame)`. Nothing here imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.table_recognizer import TableRecognizer

__version__ = "0.1.0"


def load(path: str | Path, *, threads: int | None = None) -> Recognizer | TableRecognizer:
    """Open a model file for recognition.

    Args:
        path: A `.onnx` file that `akitsu export`, `akitsu train` or `akitsu compare` wrote, or the
            folder of a run.
        threads: CPU threads for one picture; None takes all that this process may use.

    Returns:
        A recognizer: call it with an (H, W, 3) RGB uint8 frame, or, if the model is one of a table,
        with a row of numbers.

    Raises:
        ModelFileError: If the file is missing, broken, or not a model file of akitsu.
    """
    from pathlib import Path

    from akitsu.runtime.model_file import open_model
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.table_recognizer import TableRecognizer
    from akitsu.runtime.threads import available_threads

    file = Path(path) / "model.onnx" if Path(path).is_dir() else Path(path)
    threads = available_threads() if threads is None else threads
    opened = open_model(file, threads=threads)
    kind = TableRecognizer if opened.card.task == "table" else Recognizer
    return kind(file, threads=threads, opened=opened)
