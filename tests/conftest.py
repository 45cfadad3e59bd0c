"""What all tests share: where the real pictures are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# What a test says is true on a busy machine too.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, or the test is skipped."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("AKITSU_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}; set AKITSU_SHARED")
    return folder
