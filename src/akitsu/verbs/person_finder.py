"""The word `person` in the place of a model file, for verbs: it is fetched if need be."""

from __future__ import annotations

from pathlib import Path

from akitsu.runtime.person_file import is_meant


def model_or_person(model: Path) -> Path:
    """The path as it is, but for the word that of the person finder.

    Raises:
        MissingExtraError: If it has to be made, and PyTorch is not installed.
        DownloadError: If its files cannot be fetched.
    """
    if not is_meant(model):
        return model
    from akitsu.deploy.person import person_model

    return person_model()
