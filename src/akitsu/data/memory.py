"""A whole data set as tensors: fitted to one size once, indexed and augmented by the batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from akitsu.data.augment import (
    Augmentation,
    Chance,
    draw_matrices,
    jitter_colours,
    sampling_grid,
    warp_boxes,
    warp_images,
    warp_masks,
)
from akitsu.data.sample import Dataset, Sample
from akitsu.errors import DataError
from akitsu.runtime.frames import with_channels
from akitsu.runtime.letterbox import fit_boxes, fit_mask, letterbox
from akitsu.runtime.threads import available_threads


@dataclass(frozen=True)
class Batch:
    """What a training step sees.

    Attributes:
        images: (B, C, H, W); float32 0–255 after augmentation, uint8 without.
        labels: (B,) class indices, or (B, N) with -1 where there is no N-th box.
        boxes: (B, N, 4) float32 XYXY in pixels of `images`.
        masks: (B, H, W) int64 class indices, 255 = ignore.
    """

    images: Tensor
    labels: Tensor | None = None
    boxes: Tensor | None = None
    masks: Tensor | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same on a device, as Fabric asks for it."""
        labels, boxes, masks = (
            None if target is None else target.to(device, non_blocking=non_blocking)
            for target in (self.labels, self.boxes, self.masks)
        )
        return Batch(self.images.to(device, non_blocking=non_blocking), labels, boxes, masks)


@dataclass(frozen=True)
class PicturesInMemory:
    """N pictures of one size with their targets.

    Attributes:
        classes: K names.
        images: (N, C, H, W) uint8, channels last in memory.
        labels, boxes, masks: As in `Batch`, for all N.
    """

    classes: list[str]
    images: Tensor
    labels: Tensor | None = None
    boxes: Tensor | None = None
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size_hw(self) -> tuple[int, int]:
        """Rows and columns of the pictures."""
        return self.images.shape[-2], self.images.shape[-1]

    def batch(self, indices: Tensor) -> Batch:
        """The pictures at `indices`, as they are."""
        return Batch(
            self.images[indices],
            *(
                None if target is None else target[indices]
                for target in (self.labels, self.boxes, self.masks)
            ),
        )

    def channel_statistics(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of each channel over all pictures, on the scale 0–1."""
        parts = self.images[:: max(len(self) // 500, 1)].double() / 255
        mean, std = parts.mean((0, 2, 3)), parts.std((0, 2, 3), correction=0)
        return [round(float(m), 4) for m in mean], [round(max(float(s), 1e-3), 4) for s in std]


def load(
    dataset: Dataset,
    *,
    size_hw: tuple[int, int],
    channels: int,
    pad_value: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> PicturesInMemory:
    """Read a whole data set into memory, each picture letterboxed to `size_hw`.

    Args:
        dataset: The set; its samples are read by several threads, since decoding frees the
            interpreter.
        size_hw: Rows and columns to hold.
        channels: 3 for RGB, 1 for grey.
        pad_value: Grey level beside a picture of another shape.
        progress: Wraps the indices, to show how far it is.

    Raises:
        DataError: If the set is empty, or would take more than half of the machine's memory.
    """
    if len(dataset) == 0:
        raise DataError("this set has no pictures", do="choose another split or folder")
    _check_memory(len(dataset), size_hw, channels)
    ready = getattr(dataset, "images", None)
    if isinstance(ready, np.ndarray) and ready.shape[1:] == (*size_hw, channels):
        return _from_array(dataset, ready)

    images = np.empty((len(dataset), *size_hw, channels), np.uint8)

    def place(index: int) -> Sample:
        sample = dataset[index]
        images[index], fit = letterbox(
            with_channels(sample.image, channels), size_hw, pad_value=pad_value
        )
        return replace(
            sample,
            image=np.empty((0, 0, channels), np.uint8),  # it stands in `images` now
            mask=None if sample.mask is None else fit_mask(sample.mask, fit),
            boxes=None if sample.boxes is None else fit_boxes(sample.boxes, fit),
        )

    with ThreadPoolExecutor(available_threads()) as pool:
        samples = list(pool.map(place, progress(range(len(dataset)))))
    return PicturesInMemory(
        list(dataset.classes),
        torch.from_numpy(images).permute(0, 3, 1, 2),
        labels=_stack_labels(samples),
        boxes=_stack_boxes(samples),
        masks=_stack_masks(samples),
    )


def augmented(
    batch: Batch,
    augmentation: Augmentation,
    *,
    size_hw: tuple[int, int],
    pad_value: float,
    chance: Chance,
    shown_hw: tuple[int, int] | None = None,
) -> Batch:
    """The batch as the network shall meet it: moved, cut to `size_hw`, recoloured.

    With `shown_hw` what would be seen at `size_hw` is shown at that size, in the same resampling.

    Boxes of which less than `augmentation.min_visibility` stays in the picture are dropped.
    """
    from_hw = (batch.images.shape[-2], batch.images.shape[-1])
    shown_hw = shown_hw or size_hw
    if augmentation == Augmentation() and from_hw == size_hw == shown_hw:
        # Nothing moves: a resampling would cost its time and give the same pixels.
        return replace(
            batch,
            images=batch.images.float().contiguous(memory_format=torch.channels_last),
            masks=None if batch.masks is None else batch.masks.to(torch.int64),
        )
    matrices = draw_matrices(augmentation, chance, from_hw=from_hw, to_hw=size_hw)
    if shown_hw != size_hw:
        ratios = [size_hw[1] / shown_hw[1], size_hw[0] / shown_hw[0], 1.0]
        matrices = matrices @ torch.diag(torch.tensor(ratios))
    grid = sampling_grid(
        matrices,
        from_hw=from_hw,
        to_hw=shown_hw,
        elastic_px=augmentation.elastic_px,
        chance=chance,
    )
    images = warp_images(batch.images, grid, pad_value=pad_value)
    images = jitter_colours(images, augmentation, chance)
    labels, boxes, masks = batch.labels, batch.boxes, batch.masks
    if masks is not None:
        masks = warp_masks(masks, grid)
    if boxes is not None and labels is not None:
        moved = warp_boxes(boxes, matrices, size_hw=shown_hw)
        whole = _areas(boxes) / torch.linalg.det(matrices[:, :2, :2]).abs()[:, None]
        labels = torch.where(_areas(moved) >= whole * augmentation.min_visibility, labels, -1)
        boxes = moved
    return Batch(images, labels, boxes, masks)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def fits(pictures: int, size_hw: tuple[int, int], channels: int) -> bool:
    """Whether so many pictures, with a mask each, take at most half of this machine's memory."""
    return _needed(pictures, size_hw, channels) <= _memory() / 2


def _check_memory(pictures: int, size_hw: tuple[int, int], channels: int) -> None:
    if not fits(pictures, size_hw, channels):
        needed = _needed(pictures, size_hw, channels) / 2**30
        raise DataError(
            f"{pictures} pictures of {size_hw[0]} x {size_hw[1]} take {needed:.1f} GiB, "
            f"more than half of this machine's {_memory() / 2**30:.1f} GiB",
            do="set data.in_memory to false, or a smaller data.size_hw",
        )


def _needed(pictures: int, size_hw: tuple[int, int], channels: int) -> int:
    return pictures * size_hw[0] * size_hw[1] * (channels + 1)


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _from_array(dataset: Dataset, images: np.ndarray) -> PicturesInMemory:
    """A set that is one array already, without a loop over its pictures."""
    labels = getattr(dataset, "labels", None)
    return PicturesInMemory(
        list(dataset.classes),
        torch.from_numpy(images).permute(0, 3, 1, 2),
        labels=None if labels is None else torch.from_numpy(labels.astype(np.int64)),
    )


def _stack_labels(samples: Sequence[Sample]) -> Tensor | None:
    if samples[0].label is not None:
        return torch.tensor([sample.label for sample in samples])
    if samples[0].boxes is None:
        return None
    most = max(1, *(len(_kept(sample)) for sample in samples))
    labels = torch.full((len(samples), most), -1, dtype=torch.int64)
    for row, sample in zip(labels, samples, strict=True):
        kept = _kept(sample)
        assert sample.labels is not None
        row[: len(kept)] = torch.from_numpy(sample.labels[kept])
    return labels


def _stack_boxes(samples: Sequence[Sample]) -> Tensor | None:
    if samples[0].boxes is None:
        return None
    most = max(1, *(len(_kept(sample)) for sample in samples))
    boxes = torch.zeros((len(samples), most, 4))
    for row, sample in zip(boxes, samples, strict=True):
        kept = _kept(sample)
        assert sample.boxes is not None
        row[: len(kept)] = torch.from_numpy(sample.boxes[kept])
    return boxes


def _kept(sample: Sample) -> np.ndarray:
    """Indices of the boxes to train on: all but the difficult ones."""
    assert sample.boxes is not None
    if sample.difficult is None:
        return np.arange(len(sample.boxes))
    return np.flatnonzero(~sample.difficult)


def _stack_masks(samples: Sequence[Sample]) -> Tensor | None:
    if samples[0].mask is None:
        return None
    return torch.from_numpy(
        np.stack([sample.mask for sample in samples if sample.mask is not None])
    )
