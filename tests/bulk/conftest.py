"""A tiny model file for each task, with planted answers."""

from __future__ import annotations

import pytest

from tests.bulk.scenes import TASKS
from tests.runtime import onnx_files


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        task: onnx_files.write(folder / f"{task}.onnx", onnx_files.card(task)) for task in TASKS
    }
