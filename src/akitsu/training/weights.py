"""Weights as .safetensors: numbers and names, nothing that could run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from akitsu.errors import OutputError, TrainingError
from akitsu.files import whole_file


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write a model's parameters and buffers, whole or not at all; equal weights, equal bytes.

    Args:
        weights: Its `state_dict()`.
        path: The file.

    Raises:
        OutputError: If the place cannot be written, or is full.
    """
    # A copy each: safetensors refuses tensors that share memory, and tied weights do.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in weights.items()}
    with whole_file(path) as temporary:
        _save(tensors, temporary, shown=path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read a model's parameters and buffers from a file of `save_weights`.

    Raises:
        TrainingError: If there is no such file, it is broken, or is of another model.
    """
    try:
        model.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise TrainingError(
            f"these weights do not fit the model ({reason})",
            where=path,
            do="train again, or name the run that they are of",
        ) from error


def _save(tensors: dict[str, Tensor], path: Path, *, shown: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # so says safetensors of a disk that takes no more
        if "I/O error" not in str(error):
            raise
        raise OutputError(
            "these weights could not be written: the disk is full, or fails",
            where=shown,
            do="make room, or choose another place",
        ) from error
