"""A batch cut into equal parts, whatever it is made of."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from torch import Tensor

from akitsu.errors import RecipeError


def parts_of(batch: Any, n: int) -> list[Any]:
    """Cut every tensor of a batch along its first axis.

    Args:
        batch: A tensor, or a tuple, list, dict or dataclass of such; None stays None.
        n: How many parts.

    Returns:
        n batches of the same kind.

    Raises:
        RecipeError: If the batch does not give n equal parts.

    Example:
        >>> import torch
        >>> parts_of((torch.arange(4), None), 2)
        [(tensor([0, 1]), None), (tensor([2, 3]), None)]
    """
    return [_part(batch, number, n) for number in range(n)]


def _part(batch: Any, number: int, n: int) -> Any:
    if isinstance(batch, Tensor):
        size, rest = divmod(len(batch), n)
        if rest:
            raise RecipeError(
                f"{len(batch)} pictures do not give {n} equal parts",
                where="engine.accumulate",
                do="make batch_size a multiple of it (times the number of processes)",
            )
        return batch[number * size : (number + 1) * size]
    if isinstance(batch, dict):
        return {key: _part(value, number, n) for key, value in batch.items()}
    if isinstance(batch, list | tuple):
        return type(batch)(_part(value, number, n) for value in batch)
    if is_dataclass(batch) and not isinstance(batch, type):
        values = {each.name: getattr(batch, each.name) for each in fields(batch)}
        return replace(batch, **{name: _part(value, number, n) for name, value in values.items()})
    return batch
