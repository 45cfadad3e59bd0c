"""Pictures that are read when a batch asks for them: for a set that is larger than the memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from akitsu.data import memory
from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.data.sample import Dataset, Sample
from akitsu.errors import DataError

# Masks have values of 8 bits.
VALUES = 256


@dataclass(frozen=True)
class StreamedPictures:
    """N pictures of one size with their targets, none of which is held.

    A batch equals that of `PicturesInMemory` over the same set. Where the set does not know its
    most boxes, places for boxes that no picture of this batch fills are left out.

    Attributes:
        dataset: Read at each batch, by several threads; shards are the fast ones.
        size_hw: Rows and columns of the pictures.
        channels: 3 for RGB, 1 for grey.
        pad_value: Grey level beside a picture of another shape.

    Raises:
        DataError: If the set is empty.
    """

    dataset: Dataset
    size_hw: tuple[int, int] = field(kw_only=True)
    channels: int = field(kw_only=True)
    pad_value: int = field(kw_only=True)

    def __post_init__(self) -> None:
        if len(self.dataset) == 0:
            raise DataError("this set has no pictures", do="choose another split or folder")

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def classes(self) -> list[str]:
        """K names."""
        return list(self.dataset.classes)

    @property
    def block(self) -> int | None:
        """Pictures that lie together in one shard, for `akitsu.data.order`; None without shards."""
        return getattr(self.dataset, "block", None)

    def batch(self, indices: Tensor) -> Batch:
        """Read the pictures at `indices`.

        Raises:
            DataError: If one of them is broken.
        """
        part = self._read(indices.tolist())
        labels, boxes = part.labels, part.boxes
        most: int | None = getattr(self.dataset, "most_boxes", None)
        if boxes is not None and labels is not None and most is not None:
            missing = max(0, most - boxes.shape[1])
            labels = F.pad(labels, (0, missing), value=-1)
            boxes = F.pad(boxes, (0, 0, 0, missing))
        return Batch(part.images, labels, boxes, part.masks)

    def channel_statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel on the scale 0–1.

        Over the pictures that `PicturesInMemory` takes, too: fewer than 1000, spread evenly.
        """
        count, total, squares = 0, torch.zeros(()), torch.zeros(())
        for index in self._spread():
            # Sums of whole numbers: in whatever order, they come out the same.
            pixels = self._read([index]).images.to(torch.int64)
            count += pixels[0, 0].numel()
            total = total + pixels.sum((0, 2, 3))
            squares = squares + (pixels * pixels).sum((0, 2, 3))
        mean = total.double() / count
        std = (squares.double() / count - mean * mean).clamp(min=0).sqrt()
        return (
            [round(float(m) / 255, 4) for m in mean],
            [round(max(float(s) / 255, 1e-3), 4) for s in std],
        )

    def mask_counts(self) -> Tensor:
        """(256,) int64: how often each value occurs in the masks, of an evenly spread part."""
        counts = torch.zeros(VALUES, dtype=torch.int64)
        for index in self._spread():
            masks = self._read([index]).masks
            assert masks is not None
            counts += torch.bincount(masks.flatten().to(torch.int64), minlength=VALUES)
        return counts

    def _spread(self) -> range:
        return range(0, len(self), max(len(self) // 500, 1))

    def _read(self, indices: list[int]) -> PicturesInMemory:
        return memory.load(
            _Part(self.dataset, indices),
            size_hw=self.size_hw,
            channels=self.channels,
            pad_value=self.pad_value,
        )


# A training set, wherever it is.
Pictures = PicturesInMemory | StreamedPictures


@dataclass(frozen=True)
class _Part:
    """Some pictures of a set, as a set of their own."""

    dataset: Dataset
    indices: list[int]

    @property
    def classes(self) -> list[str]:
        return self.dataset.classes

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset[self.indices[index]]
