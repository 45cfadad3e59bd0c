"""The programs in `benchmarks/`, which is no package, as modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def program(monkeypatch) -> Callable[..., ModuleType]:
    """Imports a program by its name; what follows is its command line."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    # The programs set the threads of the whole process.
    monkeypatch.setenv("AKITSU_THREADS", str(torch.get_num_threads()))

    def load(name: str, *words: object) -> ModuleType:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        return importlib.import_module(name)

    return load
