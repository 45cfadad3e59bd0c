"""What every worker needs to begin; it travels to other processes and hosts."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akitsu.bulk.worker import Settings, Worker
from akitsu.runtime.recognizer import Recognizer


@dataclass(frozen=True)
class Job:
    """A model and the way to the pictures.

    Attributes:
        model: The model file's content, since another host does not see the file.
        filesystems: What the references' `filesystem` counts in.
        settings: What else changes the rows.
    """

    model: bytes
    filesystems: list[Any]
    settings: Settings

    def worker(self, *, threads: int | None) -> Worker:
        """Open the model in this process; None takes `available_threads()`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(self.model)
            recognizer = Recognizer(path, threads=threads)
        return Worker(recognizer, self.filesystems, self.settings)
