"""The two contracts of the data side: a Sample, and a Dataset of them. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One picture and what is known of it; the fields of other tasks are None.

    Attributes:
        image: (H, W, 3) RGB or (H, W, 1) grey, uint8.
        name: The picture's path within its set, or its row, for messages.
        label: Class index from 0 (classification).
        boxes: (N, 4) float32 XYXY pixels, half-open, inside the picture (detection).
        labels: (N,) int64 class indices of the boxes.
        difficult: (N,) bool: boxes that the score neither asks for nor punishes.
        mask: (H, W) uint8 class indices, 255 = ignore (segmentation).
    """

    image: NDArray[np.uint8]
    name: str
    label: int | None = None
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    difficult: NDArray[np.bool_] | None = None
    mask: NDArray[np.uint8] | None = None


class Dataset(Protocol):
    """Labelled pictures: `classes` comes from the format, the recipe or a classes.txt."""

    @property
    def classes(self) -> list[str]:
        """Class names by index."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...
