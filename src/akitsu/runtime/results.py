"""What a recognizer answers: plain NumPy arrays in the coordinates of the frame it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Classification:
    """What is it: one probability per class.

    Attributes:
        classes: K names.
        probabilities: (K,) float32, sum 1.
    """

    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]

    @property
    def label(self) -> int:
        """Index of the most probable class."""
        return int(self.probabilities.argmax())

    @property
    def name(self) -> str:
        """Name of the most probable class."""
        return self.classes[self.label]

    @property
    def score(self) -> float:
        """Probability of that class, 0 to 1."""
        return float(self.probabilities[self.label])

    def draw(self, frame: Frame, *, scale: int = 1) -> Frame:
        """A copy of the frame (H, W, 3 RGB), `scale` times as large, with name and probability."""
        from akitsu.runtime.drawing import draw_classification

        return draw_classification(self, frame, scale=scale)

    def to_supervision(self) -> Any:
        """The same as a `supervision.Classifications` (extra `live`)."""
        supervision = _supervision()
        return supervision.Classifications(
            class_id=np.arange(len(self.classes)), confidence=self.probabilities
        )


@dataclass(frozen=True)
class Detections:
    """Where is it: N boxes, best score first; N may be 0.

    Attributes:
        classes: K names.
        boxes: (N, 4) float32 XYXY in frame pixels, clipped to the frame.
        scores: (N,) float32, 0 to 1, falling.
        labels: (N,) int64 class indices.
        ids: (N,) int64, which of the things seen before each is; None where nothing is tracked.
    """

    classes: tuple[str, ...]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def of_class(self, name: str) -> Detections:
        """Only the detections of one class.

        Raises:
            ValueError: If there is no such class.
        """
        return self.where(self.labels == self.classes.index(name))

    def where(self, keep: NDArray[np.bool_]) -> Detections:
        """Only those of which `keep`, (N,), is true."""
        ids = None if self.ids is None else self.ids[keep]
        return Detections(self.classes, self.boxes[keep], self.scores[keep], self.labels[keep], ids)

    def draw(self, frame: Frame, *, scale: int = 1) -> Frame:
        """A copy of the frame (H, W, 3 RGB), `scale` times as large, with boxes and their names."""
        from akitsu.runtime.drawing import draw_detections

        return draw_detections(self, frame, scale=scale)

    def to_supervision(self) -> Any:
        """The same as a `supervision.Detections` (extra `live`)."""
        supervision = _supervision()
        return supervision.Detections(
            xyxy=self.boxes,
            confidence=self.scores,
            class_id=self.labels.astype(int),
            tracker_id=None if self.ids is None else self.ids.astype(int),
            data={"class_name": np.array([self.classes[i] for i in self.labels], dtype=str)},
        )


@dataclass(frozen=True)
class Segmentation:
    """What shape is it: the class of every pixel.

    Attributes:
        classes: K names.
        mask: (H, W) uint8 class indices, as large as the frame.
    """

    classes: tuple[str, ...]
    mask: NDArray[np.uint8]

    def shares(self) -> dict[str, float]:
        """The part of the picture that each class covers; the parts sum to 1."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.classes))
        return {
            name: float(n) / self.mask.size for name, n in zip(self.classes, counts, strict=False)
        }

    def draw(self, frame: Frame, *, scale: int = 1) -> Frame:
        """A copy of the frame (H, W, 3 RGB), `scale` times as large, tinted, with a legend."""
        from akitsu.runtime.drawing import draw_segmentation

        return draw_segmentation(self, frame, scale=scale)

    def to_supervision(self) -> Any:
        """The same as a `supervision.Detections` with one mask per class present (extra `live`)."""
        supervision = _supervision()
        present = np.unique(self.mask)
        masks = np.stack([self.mask == label for label in present])
        return supervision.Detections(
            xyxy=supervision.mask_to_xyxy(masks), mask=masks, class_id=present.astype(int)
        )


Result = Classification | Detections | Segmentation


def _supervision() -> Any:
    from akitsu.errors import require

    require("supervision", extra="live", purpose="to_supervision")
    import supervision

    return supervision
