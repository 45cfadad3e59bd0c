"""The documents of the figures, each written once for all tests that look into it."""

from __future__ import annotations

from functools import cache

import pytest

from akitsu.classic.figures.registry import entry


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """From a figure's name to what `write` gave back."""
    folder = tmp_path_factory.mktemp("figures")
    return cache(lambda name: entry(name).write(folder))
