"""Where the person finder's model file is kept once `akitsu watch person` has made it."""

from __future__ import annotations

import os
from pathlib import Path

from akitsu.errors import ModelFileError

WORD = "person"
"""Stands for the person finder where a model file is asked for."""

NAME = "person-5bbb6d87.onnx"
"""With the start of its weights' checksum: an old model file is not taken for a new one."""


def cache_folder() -> Path:
    """Where fetched files stay: `akitsu` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akitsu"


def is_meant(model: str | Path) -> bool:
    """Whether this is the word, and no file or folder."""
    return str(model) == WORD and not Path(model).exists()


def model_file(model: str | Path) -> Path:
    """A model file's path as it is, but for the word `person` that of the person finder.

    Raises:
        ModelFileError: If the person finder has not been made yet.
    """
    if not is_meant(model):
        return Path(model)
    kept = cache_folder() / NAME
    if not kept.is_file():
        what = "the person finder has not been fetched yet"
        do = 'run "akitsu watch person" once, or copy the file here from a computer that has it'
        raise ModelFileError(what, where=kept, do=do)
    return kept
