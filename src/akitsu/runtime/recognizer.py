"""A model file at work: frames in, results in frame coordinates out, with onnxruntime alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ModelFileError, ShapeError
from akitsu.runtime.card import INPUT, OUTPUTS, ModelCard
from akitsu.runtime.frames import with_channels
from akitsu.runtime.letterbox import Fit, letterbox, unfit_boxes, unfit_mask
from akitsu.runtime.model_file import OpenModel, first_line, open_model
from akitsu.runtime.results import Classification, Detections, Result, Segmentation
from akitsu.runtime.suppression import non_maximum_suppression
from akitsu.runtime.threads import available_threads
from akitsu.runtime.tiles import LARGEST_OVERLAP, Tile, merge, tiles

Predict = Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]
"""(B, rows, columns, C) uint8 inputs to the outputs of a model file, by name."""


class Recognizer:
    """A model file, opened: call it with a frame.

    Attributes:
        card: What the model file says of itself.
        threads: CPU threads that one picture may use.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int | None = None,
        tile_overlap: float | None = None,
        opened: OpenModel | None = None,
    ) -> None:
        """Open a model file.

        Args:
            path: A `.onnx` file that akitsu wrote, or the folder of the run that it is in.
            threads: CPU threads for one picture; None takes `available_threads()`.
            tile_overlap: For small things in large frames: look at tiles, of which neighbours
                share this part of a side; None takes the card's.
            opened: The file, where it is open already.

        Raises:
            ModelFileError: If the file is missing, broken, not made by akitsu, keeps weights in
                other files, its graph does not fit its card, or it is for rows of a table.
        """
        self._path = Path(path)
        if self._path.is_dir():
            self._path /= "model.onnx"
        self.threads = available_threads() if threads is None else threads
        opened = opened or open_model(self._path, threads=self.threads)
        self.card = opened.card
        if self.card.task == "table":
            raise ModelFileError(
                "this model answers rows of a table, and no pictures",
                where=self._path,
                do="open it with akitsu.load, or give akitsu predict a .csv and a .csv output",
            )
        if tile_overlap is not None:
            self.card = with_tiles(self.card, tile_overlap, where=self._path)
        self._session, self._largest_batch = opened.session, opened.largest_batch

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.card.classes

    @property
    def task(self) -> str:
        """Which of the three questions the model answers: "classification", and so on."""
        return self.card.task

    def __call__(self, frame: NDArray[np.uint8], *, score_threshold: float | None = None) -> Result:
        """Recognise one frame.

        Args:
            frame: (H, W, 3) RGB, (H, W, 1) or (H, W) grey, uint8, of any size.
            score_threshold: Detections below it are left out; None takes the card's.

        Returns:
            A `Classification`, `Detections` or `Segmentation` in pixels of this frame.

        Raises:
            ShapeError: If the frame is no such array.
        """
        return self.batch([frame], score_threshold=score_threshold)[0]

    def batch(
        self, frames: Sequence[NDArray[np.uint8]], *, score_threshold: float | None = None
    ) -> list[Result]:
        """Recognise many frames, of different sizes if need be; as `__call__` for each."""
        results: list[Result] = []
        for start in range(0, len(frames), self._largest_batch):
            part = frames[start : start + self._largest_batch]
            results += recognise(
                part, self.predict_inputs, self.card, score_threshold=score_threshold
            )
        return results

    def predict_inputs(self, inputs: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Run the graph on pictures that have the model's input size already.

        Args:
            inputs: (B, rows, columns, C) uint8, B at least 1.

        Returns:
            The graph's outputs by name, B first.

        Raises:
            ShapeError: If the inputs have another shape or type.
        """
        wanted = (*self.card.input_hw, self.card.channels)
        if inputs.dtype != np.uint8 or inputs.shape[1:] != wanted or not len(inputs):
            raise ShapeError(
                f"inputs are {inputs.dtype} of shape {inputs.shape}",
                where=self._path,
                do=f"pass uint8 of shape (B, {', '.join(map(str, wanted))})",
            )
        step = self._largest_batch
        if len(inputs) <= step:
            return self._run(inputs)
        parts = [self._run(inputs[at : at + step]) for at in range(0, len(inputs), step)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(self, inputs: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        names = OUTPUTS[self.card.task]
        try:
            arrays = self._session.run(list(names), {INPUT: inputs})
        except Exception as error:  # onnxruntime's own family has no common ancestor
            raise ModelFileError(
                f"the graph fails ({first_line(error)})",
                where=self._path,
                do="export it again with akitsu",
            ) from error
        return dict(zip(names, arrays, strict=True))


def with_tiles(card: ModelCard, overlap: float, *, where: str | Path) -> ModelCard:
    """The card of the same detector when it looks at tiles.

    Raises:
        ModelFileError: If it is no detector.
        ValueError: If the overlap is out of range.
    """
    if card.task != "detection":
        raise ModelFileError(
            f"tiles are for detection, and this model is for {card.task}",
            where=where,
            do="leave --tile out",
        )
    if not 0 <= overlap <= LARGEST_OVERLAP:
        raise ValueError(f"a tile_overlap of {overlap}, which may be from 0 to {LARGEST_OVERLAP}")
    return replace(card, tile_overlap=overlap)


def recognise(
    frames: Sequence[NDArray[np.uint8]],
    predict: Predict,
    card: ModelCard,
    *,
    score_threshold: float | None = None,
) -> list[Result]:
    """From frames to results: one path for the robot, the training and the evaluation.

    Args:
        frames: As for `Recognizer.__call__`, of any sizes.
        predict: The graph, or the network that it was exported from.
        card: Says how frames are fitted and what the outputs mean.
        score_threshold: Detections below it are left out; None takes the card's.
    """
    if card.tile_overlap:
        return [
            _recognise_tiles(frame, predict, card, score_threshold=score_threshold)
            for frame in frames
        ]
    inputs, fits = prepare_inputs(frames, card=card)
    return results_from_outputs(predict(inputs), fits, card, score_threshold=score_threshold)


def _recognise_tiles(
    frame: NDArray[np.uint8], predict: Predict, card: ModelCard, *, score_threshold: float | None
) -> Detections:
    frame = with_channels(frame, card.channels)
    parts = _tiles_of(frame, card)
    results = recognise(
        [part.of(frame) for part in parts],
        predict,
        replace(card, tile_overlap=0.0),
        score_threshold=score_threshold,
    )
    found = [result for result in results if isinstance(result, Detections)]
    return merge(found, parts, iou_threshold=card.iou_threshold, max_detections=card.max_detections)


def views(frame: NDArray[np.uint8], card: ModelCard) -> list[NDArray[np.uint8]]:
    """What a model looks at: the frame, or its tiles and the frame."""
    if not card.tile_overlap:
        return [frame]
    return [part.of(frame) for part in _tiles_of(frame, card)]


def _tiles_of(frame: NDArray[np.uint8], card: ModelCard) -> list[Tile]:
    return tiles((frame.shape[0], frame.shape[1]), card.input_hw, card.tile_overlap)


def prepare_inputs(
    frames: Sequence[NDArray[np.uint8]], *, card: ModelCard
) -> tuple[NDArray[np.uint8], list[Fit]]:
    """Frames as the model wants them: its channels, fitted into its input, stacked.

    Returns:
        (B, rows, columns, C) uint8, and where each frame lies in its input.

    Raises:
        ShapeError: If a frame is not (H, W, 3), (H, W, 1) or (H, W) uint8.
    """
    fitted = [
        letterbox(
            with_channels(frame, card.channels),
            card.input_hw,
            pad_value=card.pad_value,
            fit=card.fit,
            crop=card.crop,
        )
        for frame in frames
    ]
    return np.stack([image for image, _ in fitted]), [fit for _, fit in fitted]


def results_from_outputs(
    outputs: dict[str, NDArray[Any]],
    fits: Sequence[Fit],
    card: ModelCard,
    *,
    score_threshold: float | None = None,
) -> list[Result]:
    """What the graph's outputs mean, frame by frame; the same for the robot and the evaluation.

    Args:
        outputs: By name, B first, as docs/architecture.md lists them by task.
        fits: B ways back from the input onto the frame.
        card: Says task, classes and thresholds.
        score_threshold: Detections below it are left out; None takes the card's.

    Raises:
        ModelFileError: If there are more classes in the outputs than in the card.
    """
    if card.task == "classification":
        probabilities = outputs["probabilities"]
        _check_classes(probabilities.shape[1], card, exact=True)
        return [Classification(card.classes, row.astype(np.float32)) for row in probabilities]
    if card.task == "segmentation":
        masks = outputs["masks"]
        _check_classes(int(masks.max(initial=0)) + 1, card)
        return [
            Segmentation(card.classes, unfit_mask(mask.astype(np.uint8, copy=False), fit))
            for mask, fit in zip(masks, fits, strict=True)
        ]
    threshold = card.score_threshold if score_threshold is None else score_threshold
    triples = zip(outputs["boxes"], outputs["scores"], outputs["labels"], strict=True)
    return [
        _detections(*triple, fit=fit, card=card, threshold=threshold)
        for triple, fit in zip(triples, fits, strict=True)
    ]


def _detections(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    fit: Fit,
    card: ModelCard,
    threshold: float,
) -> Detections:
    likely = (scores >= threshold) & np.isfinite(boxes).all(axis=1)
    boxes, scores, labels = boxes[likely], scores[likely], labels[likely]
    _check_classes(int(labels.max(initial=0)) + 1, card)
    kept = non_maximum_suppression(
        boxes,
        scores,
        labels,
        iou_threshold=card.iou_threshold,
        max_detections=card.max_detections,
    )
    framed = unfit_boxes(boxes[kept], fit)
    # A box that lies in the border around the frame has no area left.
    seen = (framed[:, 2:] > framed[:, :2]).all(axis=1)
    kept = kept[seen]
    return Detections(
        card.classes, framed[seen], scores[kept].astype(np.float32), labels[kept].astype(np.int64)
    )


def _check_classes(found: int, card: ModelCard, *, exact: bool = False) -> None:
    if found > len(card.classes) or (exact and found != len(card.classes)):
        raise ModelFileError(
            f"the model answers with {found} classes where its card names {len(card.classes)}",
            where=card.model,
            do="export it again",
        )
