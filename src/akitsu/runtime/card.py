"""The model card: everything that a model file says of itself, as JSON in its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from akitsu.errors import ModelFileError, nearest
from akitsu.runtime.letterbox import FITS, LEAST_CROP
from akitsu.runtime.tiles import LARGEST_OVERLAP

METADATA_KEY = "akitsu"
"""Under which key of the ONNX file's `metadata_props` the card stands."""

SCHEMA_VERSION = 3
"""The newest that is read: 2 for a `fit` or `crop`, 3 for tiles and `quick-stretch`."""

INPUT = "images"
ROWS_INPUT = "features"
"""The graph's input where the task is "table"."""
OUTPUTS = {
    "classification": ("probabilities",),
    "detection": ("boxes", "scores", "labels"),
    "segmentation": ("masks",),
    "table": ("probabilities",),
}
"""The graph's outputs by task; shapes and types stand in docs/architecture.md."""

TABLE_FIELDS = frozenset({"features", "categories"})
PICTURE_FIELDS = frozenset(
    {
        "input_hw",
        "channels",
        "pad_value",
        "fit",
        "crop",
        "tile_overlap",
        "score_threshold",
        "iou_threshold",
        "max_detections",
        "normalisation",
        "quantisation",
    }
)
"""What a card says of pictures or of tables alone, and leaves out for the other."""

TUPLES = ("classes", "input_hw", "features")

LARGEST_SIDE = 8192
"""Pixels; a larger input can only be a mistake, and would ask for gigabytes."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model file says of itself.

    Attributes:
        task: "classification", "detection" or "segmentation" of pictures, or "table": the class of
            a row of numbers.
        model: The network's name in the registry.
        classes: K names by index.
        input_hw: Rows and columns of the graph's input; (0, 0) for a table.
        channels: 3 (RGB) or 1 (grey); 0 for a table.
        features: Of a table: the columns that the model learnt from, in order.
        categories: Of a table: each feature of texts with the texts that it may hold; it is an
            input of 0 or 1 for each.
        pad_value: What fills the border around a fitted frame, 0 to 255.
        fit: How a frame comes into the input: "letterbox" (aspect kept), "stretch" or
            "quick-stretch".
        crop: The input shows the centre of the frame, this part of each side; below 1 for
            classification only.
        tile_overlap: Above 0 a detector looks at tiles of the input's size and at the whole frame;
            least share of a tile that its neighbour shows, too.
        score_threshold: Detections below it are left out unless the caller names another.
        iou_threshold: Of two boxes of one class that overlap more, the worse is left out.
        max_detections: At most so many boxes a frame.
        temperature: What the logits were divided by, so that probabilities mean what they say
            (arXiv:1706.04599). For information: the graph does it already.
        normalisation: "mean" and "std" by channel, on the scale 0 to 1. For information: the
            graph holds them already.
        quantisation: Of an int8 file, how it was calibrated, which layers stay in float32, and by
            "loss" what it costs: the deciding score in float32 and in int8, and their difference.
        decoding: One sentence on what the outputs are.
        licence: Of the weights.
        provenance: Version of akitsu, recipe, seed, version of torch, date.
        data: Format and reader options of the training data, never a path.
        scores: Metric to "value", "low", "high" (95 % interval) and "n" (pictures).
        schema_version: Raised where an older akitsu could not read the card right.
    """

    task: str
    model: str
    classes: tuple[str, ...]
    input_hw: tuple[int, int] = (0, 0)
    channels: int = 0
    features: tuple[str, ...] = ()
    categories: dict[str, list[str]] = field(default_factory=dict)
    pad_value: int = 114
    fit: str = "letterbox"
    crop: float = 1.0
    tile_overlap: float = 0.0
    score_threshold: float = 0.25
    iou_threshold: float = 0.45
    max_detections: int = 100
    temperature: float = 1.0
    normalisation: dict[str, list[float]] = field(default_factory=dict)
    quantisation: dict[str, Any] = field(default_factory=dict)
    decoding: str = ""
    licence: str = ""
    provenance: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, dict[str, float | None]] = field(default_factory=dict)
    schema_version: int = 1

    def __post_init__(self) -> None:
        if self.fit != "letterbox" or self.crop != 1:
            self._needs(2)
        if self.tile_overlap or self.fit == "quick-stretch":
            self._needs(3)

    def _needs(self, version: int) -> None:
        object.__setattr__(self, "schema_version", version)  # the class is frozen

    def to_json(self) -> str:
        """One line of JSON.

        Raises:
            ValueError: If a number is not finite; such a score is None.
        """
        left_out = PICTURE_FIELDS if self.task == "table" else TABLE_FIELDS
        document = {name: value for name, value in asdict(self).items() if name not in left_out}
        return json.dumps(document, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, *, where: str | Path) -> ModelCard:
        """Read and check a card; keys that this version does not know are passed over.

        Args:
            text: What `to_json` wrote.
            where: The model file, for messages.

        Raises:
            ModelFileError: If it is no JSON, of a newer schema, or a value is missing or wrong.
        """
        document = _parsed(text, where)
        _check_version(document.get("schema_version"), where)
        is_table = document.get("task") == "table"
        shape = ("features",) if is_table else ("input_hw", "channels")
        for name in ("task", "model", "classes", *shape):
            if name not in document:
                raise _wrong(f"{name} is missing", where)
        left_out = PICTURE_FIELDS if is_table else TABLE_FIELDS
        known: dict[str, Any] = {
            f.name: document[f.name]
            for f in fields(cls)
            if f.name in document and f.name not in left_out
        }
        _check_task(known["task"], where)
        for name, value in known.items():
            check, wanted = CHECKS[name]
            if not check(value):
                raise _wrong(f"{name} is {_short(value)} where {wanted} belongs", where)
        if known.get("crop", 1) < 1 and known["task"] != "classification":
            raise _wrong(f"a crop of {known['crop']} of pictures for {known['task']}", where)
        if known.get("tile_overlap", 0) > 0 and known["task"] != "detection":
            raise _wrong(f"tiles of pictures for {known['task']}", where)
        # JSON has no tuples.
        known |= {name: tuple(known[name]) for name in TUPLES if name in known}
        return cls(**known)


def _parsed(text: str, where: str | Path) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"no JSON ({error})", where) from error
    if not isinstance(document, dict):
        raise _wrong(f"{_short(document)} where a JSON object belongs", where)
    return document


def _check_version(version: object, where: str | Path) -> None:
    if not _is_whole(version, low=1):
        raise _wrong(f"schema_version is {_short(version)} where a whole number belongs", where)
    assert isinstance(version, int)
    if version > SCHEMA_VERSION:
        raise ModelFileError(
            f"made by a newer akitsu (card schema {version}, this one reads {SCHEMA_VERSION})",
            where=where,
            do="run pip install --upgrade akitsu",
        )


def _check_task(task: object, where: str | Path) -> None:
    if not isinstance(task, str) or task not in OUTPUTS:
        advice = nearest(str(task), OUTPUTS, otherwise=f"choose one of {', '.join(OUTPUTS)}")
        raise ModelFileError(
            f"the model card asks for an unknown task {_short(task)}", where=where, do=advice
        )


def _wrong(what: str, where: str | Path) -> ModelFileError:
    return ModelFileError(f"the model card is wrong: {what}", where=where, do="export it again")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_whole(value: Any, *, low: int, high: int = 2**31) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _is_above_zero(value: Any) -> bool:
    return _is_number(value) and bool(value > 0)


def _is_fraction(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_crop(value: Any) -> bool:
    return _is_number(value) and LEAST_CROP <= value <= 1


def _is_overlap(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= LARGEST_OVERLAP


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_size(value: Any) -> bool:
    is_pair = isinstance(value, list) and len(value) == 2
    return is_pair and all(_is_whole(side, low=1, high=LARGEST_SIDE) for side in value)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_name(name) for name in value)


def _are_names_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(_are_names(names) for names in value.values())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _are_numbers_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(numbers, list) and all(_is_number(number) for number in numbers)
        for numbers in value.values()
    )


def _are_scores(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(score, dict)
        and "value" in score
        and all(number is None or _is_number(number) for number in score.values())
        for score in value.values()
    )


CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "task": (_is_name, "a task"),
    "model": (_is_name, "a name"),
    "classes": (_are_names, "a list of names"),
    "input_hw": (_is_size, f"a pair of whole numbers from 1 to {LARGEST_SIDE}"),
    "channels": (lambda value: _is_whole(value, low=1) and value in (1, 3), "1 or 3"),
    "features": (_are_names, "a list of names"),
    "categories": (_are_names_by_name, "an object of lists of names"),
    "pad_value": (lambda value: _is_whole(value, low=0, high=255), "a whole number to 255"),
    "fit": (lambda value: value in FITS, " or ".join(FITS)),
    "crop": (_is_crop, f"a number from {LEAST_CROP} to 1"),
    "tile_overlap": (_is_overlap, f"a number from 0 to {LARGEST_OVERLAP}"),
    "score_threshold": (_is_fraction, "a number from 0 to 1"),
    "iou_threshold": (_is_fraction, "a number from 0 to 1"),
    "max_detections": (lambda value: _is_whole(value, low=1), "a whole number from 1 up"),
    "temperature": (_is_above_zero, "a number above 0"),
    "normalisation": (_are_numbers_by_name, "an object of lists of numbers"),
    "quantisation": (_is_object, "an object"),
    "decoding": (_is_text, "a text"),
    "licence": (_is_text, "a text"),
    "provenance": (_is_object, "an object"),
    "data": (_is_object, "an object"),
    "scores": (_are_scores, "an object of scores, each with its value,"),
    "schema_version": (lambda value: _is_whole(value, low=1), "a whole number"),
}
