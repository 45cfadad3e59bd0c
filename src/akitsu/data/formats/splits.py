"""How a set falls into parts: every eighth for validation where nobody said otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")

# One picture in eight: enough to see a difference of a few percent on small sets, and the same
# pictures on every machine, since it follows from the order of the names alone.
EIGHTH = 8
EIGHTH_SPLITS = ["train", "val", "all"]

# Names under which one finds parts that must not share pictures; others may be unions of them.
SEPARATE = ("train", "val", "valid", "validation", "dev", "test")
UNIONS = ("all", "trainval")


def every_eighth(items: Sequence[T], split: str) -> list[T]:
    """The items of "train" (index % 8 is not 7), "val" (it is 7) or "all", in their order.

    Example:
        >>> every_eighth("abcdefghij", "val")
        ['h']
    """
    if split == "all":
        return list(items)
    return [x for i, x in enumerate(items) if (i % EIGHTH == EIGHTH - 1) == (split == "val")]


def separate(splits: Iterable[str]) -> list[str]:
    """The splits that together hold every picture once: unions are left out beside others.

    Example:
        >>> separate(["all", "train", "val"])
        ['train', 'val']
    """
    splits = list(splits)
    return [split for split in splits if split not in UNIONS] or splits


def fewest(splits: Iterable[str]) -> list[str]:
    """The splits that together hold every picture once, whole where there is an "all".

    Example:
        >>> fewest(["train", "val", "all", "test"])
        ['all', 'test']
    """
    splits = list(splits)
    if "all" not in splits:
        return separate(splits)
    return [split for split in splits if split not in EIGHTH_SPLITS or split == "all"]
