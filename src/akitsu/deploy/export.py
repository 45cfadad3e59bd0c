"""Export: one .onnx file that needs nothing else, written only if it answers as its network."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from akitsu.errors import TrainingError
from akitsu.files import whole_file
from akitsu.models.detection.detector import Detector
from akitsu.runtime.card import INPUT, METADATA_KEY, OUTPUTS, ModelCard
from akitsu.runtime.recognizer import Recognizer, recognise
from akitsu.runtime.results import Classification, Detections, Result, Segmentation
from akitsu.runtime.suppression import box_iou
from akitsu.tasks.network import Network

# What two correct computations of one network may differ by: float32 sums in another order.
# A probability may move by 1e-3, of the pixels 1 in 500 may lie so near to a tie that they flip,
# and 1 in 50 detections may stand so near to the threshold that one side drops it.
PROBABILITY_TOLERANCE = 1e-3
PIXEL_TOLERANCE = 1 / 500
DETECTION_TOLERANCE = 1 / 50
SAME_BOX_IOU = 0.98


def export(
    network: Network,
    path: Path,
    *,
    card: ModelCard,
    pictures: Sequence[NDArray[np.uint8]],
    force: bool = True,
) -> None:
    """Write a network as a model file, after it has answered real pictures as the network does.

    Args:
        network: In evaluation mode, float32, on the CPU.
        path: The `.onnx` file.
        card: Goes into its metadata.
        pictures: Real frames (H, W, C) of the data set, for the comparison; at least one.
        force: False refuses to replace a file.

    Raises:
        TrainingError: If the exported graph answers otherwise, or the network cannot be exported;
            nothing is written then.
        OutputError: If the file exists and `force` is False.
    """
    if not can_export(network):
        raise TrainingError(
            "this network cannot become a model file: the exporter fixes its number of pictures",
            where=path,
            do="train a detector of one stage, such as ssdlite320_mobilenet_v3_large",
        )
    with whole_file(path, force=force) as temporary:
        _write_graph(network, temporary, card)
        difference = disagreement(network, Recognizer(temporary), card=card, pictures=pictures)
        if difference is not None:
            raise TrainingError(
                f"the exported graph answers otherwise than the network ({difference})",
                where=path,
                do="report this model and its recipe: it is a fault of the export",
            )


def can_export(network: Network) -> bool:
    """Whether its graph can be written: a detector says it of itself."""
    return not isinstance(network.model, Detector) or network.model.exportable


def _write_graph(network: Network, path: Path, card: ModelCard) -> None:
    import onnx  # here: a training does not need it before its end
    import torchvision  # noqa: F401 - the exporter knows its operations if it is there before

    example = torch.zeros(2, *card.input_hw, card.channels, dtype=torch.uint8)
    batch = torch.export.Dim("batch", min=1, max=4096)
    outputs = OUTPUTS[card.task]
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript"):
        warnings.simplefilter("ignore")  # the exporter's notes on its own internals
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[INPUT],
            output_names=list(outputs),
            dynamic_shapes={"images": {0: batch}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # Traces of the training machine: the file says where it is from in its card, and only there.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    model.producer_name = "akitsu"
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


class _quiet:  # noqa: N801 - a context manager reads as a verb
    """Loggers that keep still for a while."""

    def __init__(self, *names: str) -> None:
        self.loggers = [logging.getLogger(name) for name in names]

    def __enter__(self) -> None:
        self.levels = [logger.level for logger in self.loggers]
        for logger in self.loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)


def disagreement(
    network: Network,
    recognizer: Recognizer,
    *,
    card: ModelCard,
    pictures: Sequence[NDArray[np.uint8]],
) -> str | None:
    """How the answers of a model file differ from its network's, or None if they do not.

    The comparison is of results in frame coordinates, after threshold and suppression: what the
    robot acts on.
    """
    wanted = recognise(pictures, network.predict_inputs, card)
    given = recognise(pictures, recognizer.predict_inputs, card)
    differing, all_of = 0, 0
    for one, other in zip(wanted, given, strict=True):
        counted, total = _differences(one, other)
        differing, all_of = differing + counted, all_of + total
    kind = {
        "classification": ("probabilities", 0.0),
        "detection": ("detections", DETECTION_TOLERANCE),
        "segmentation": ("pixels", PIXEL_TOLERANCE),
    }[card.task]
    allowed = max(1, kind[1] * all_of) if kind[1] else 0
    return f"{differing} of {all_of} {kind[0]} differ" if differing > allowed else None


def _differences(one: Result, other: Result) -> tuple[int, int]:
    """How many answers differ, of how many."""
    if isinstance(one, Classification) and isinstance(other, Classification):
        apart = np.abs(one.probabilities - other.probabilities) > PROBABILITY_TOLERANCE
        return int(apart.sum()), apart.size
    if isinstance(one, Segmentation) and isinstance(other, Segmentation):
        return int((one.mask != other.mask).sum()), one.mask.size
    assert isinstance(one, Detections)
    assert isinstance(other, Detections)
    found = sum(_found(one, index, other) for index in range(len(one)))
    total = max(len(one), len(other))
    return total - found, total


def _found(one: Detections, index: int, other: Detections) -> bool:
    same = other.labels == one.labels[index]
    overlap = box_iou(one.boxes[index : index + 1], other.boxes[same])
    return bool((overlap > SAME_BOX_IOU).any())
