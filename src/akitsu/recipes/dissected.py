"""A run's units beside the labelled pixels of a segmentation set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akitsu.data.sample import Dataset
from akitsu.errors import DataError
from akitsu.models.classification.cam import enlarged
from akitsu.models.classification.dissection import Dissection, dissect, layer_maps
from akitsu.recipes.trained import Trained
from akitsu.runtime.frames import with_channels
from akitsu.runtime.letterbox import fit_mask
from akitsu.runtime.recognizer import prepare_inputs

# How dark a picture is shown where a unit is off.
SHADE = 0.4

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class UnitPictures:
    """A unit that a concept names, and what it looks at.

    Attributes:
        unit: Its number.
        concept: The concept of the highest overlap.
        iou: That overlap.
        frames: (H, W, 3) pictures of its highest activations, dark where it is off.
    """

    unit: int
    concept: str
    iou: float
    frames: tuple[Frame, ...]


class RunDissection:
    """A layer of a run and a set of labelled pixels, gone through picture by picture.

    Args:
        trained: The run; of any task.
        layer: A layer of its network, as `akitsu evaluate --dissect` names it.
        concepts: A segmentation set: its classes are the concepts.
        progress: Hands the indices of a pass on, one by one, as a progress bar does.

    Raises:
        DataError: If the set has no masks.
    """

    def __init__(
        self,
        trained: Trained,
        layer: str,
        concepts: Dataset,
        *,
        progress: Callable[[Sequence[int]], Iterable[int]] = iter,
    ) -> None:
        if not len(concepts) or concepts[0].mask is None:
            raise DataError("the concepts are pictures without masks", do="name a segmentation set")
        self.trained, self.layer, self.concepts = trained, layer, concepts
        self._indices = partial(progress, range(len(concepts)))

    def dissect(self, *, quantile: float, iou_threshold: float) -> Dissection:
        """Compare every unit with every concept.

        Raises:
            RecipeError: If the network has no such layer.
            ShapeError: If the layer gives no maps, or there are too few positions.
        """
        return dissect(
            self.trained.network.model,
            self.layer,
            self._batches,
            pictures=len(self.concepts),
            concepts=self.concepts.classes,
            quantile=quantile,
            iou_threshold=iou_threshold,
        )

    def show(self, found: Dissection, *, units: int, pictures: int) -> list[UnitPictures]:
        """The best unit of each concept, highest overlap first, and the pictures it likes best."""
        labels, values = found.best()
        first: dict[int, int] = {}
        for unit in values.argsort(descending=True, stable=True).tolist():
            first.setdefault(int(labels[unit]), unit)
        best = list(first.values())[:units]
        peaks = torch.cat([self._maps(i)[:, best].amax((2, 3)) for i in self._indices()])
        order = peaks.argsort(dim=0, descending=True, stable=True)[:pictures]  # (pictures, units)
        return [
            UnitPictures(
                unit,
                found.concepts[int(labels[unit])],
                float(values[unit]),
                tuple(self._lit(int(index), unit, found) for index in order[:, place]),
            )
            for place, unit in enumerate(best)
        ]

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for index in self._indices():
            sample = self.concepts[index]
            assert sample.mask is not None
            inputs, (fit,) = prepare_inputs([sample.image], card=self.trained.card)
            yield self._normalised(inputs), torch.from_numpy(fit_mask(sample.mask, fit))[None]

    def _maps(self, index: int) -> Tensor:
        inputs, _ = prepare_inputs([self.concepts[index].image], card=self.trained.card)
        return layer_maps(self.trained.network.model, self.layer, self._normalised(inputs))

    def _lit(self, index: int, unit: int, found: Dissection) -> Frame:
        """The picture as the network sees it, dark where the unit is off."""
        inputs, _ = prepare_inputs([self.concepts[index].image], card=self.trained.card)
        large = enlarged(self._maps(index)[:, unit].float(), self.trained.card.input_hw)[0]
        is_on = (large > found.thresholds[unit]).numpy()[..., None]
        frame = with_channels(inputs[0], 3)
        return np.where(is_on, frame, (SHADE * frame).astype(np.uint8)).astype(np.uint8)

    def _normalised(self, inputs: NDArray[np.uint8]) -> Tensor:
        return self.trained.network.normalise(torch.from_numpy(inputs).permute(0, 3, 1, 2))
