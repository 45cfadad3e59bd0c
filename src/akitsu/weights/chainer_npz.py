"""Chainer's `save_npz` files in the networks of the source notes, whose layers have other names."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from akitsu.errors import ModelFileError, RecipeError, nearest
from akitsu.models import registry
from akitsu.weights.fitting import class_names_for, load_into, numbers_of
from akitsu.weights.importers import Imported, Importer, Said, register

# Ours by theirs, each with /W and /b behind it. What stands in front, as `predictor/` of a saved
# Classifier or `updater/model:main/predictor/` of a snapshot, is found by looking.
DIGIT_CNN = {"conv1": "0", "conv2": "3", "l1": "7"}
FIRES = {2: "fire2_to_4.0", 3: "fire2_to_4.1", 4: "fire2_to_4.2"} | {
    number: f"fire5_to_9.{number - 5}" for number in range(5, 10)
}
PARTS = {"conv1": "squeeze", "conv2": "expand1", "conv3": "expand3"}
SQUEEZENET_FCN = (
    {"conv1": "conv1"}
    | {
        f"fire{number}/{theirs}": f"{fire}.{ours}"
        for number, fire in FIRES.items()
        for theirs, ours in PARTS.items()
    }
    | {"score_pool1": "score1", "score_pool4": "score4", "score_pool9": "score9"}
    | {"upsample_pool4": "up4", "upsample_pool9": "up9", "add_layer": "mix", "upsample_final": "up"}
)
# YOLOtiny.model, by the names of the converter that the source notes used.
TINY_YOLO = {f"c{2 * number + 1}": f"body.{3 * number}" for number in range(6)} | {
    "c13": "body.18",
    "c14": "body.20",
    "c15": "body.22",
    "l16": "body.25",
    "l17": "body.27",
    "l19": "body.29",
}
LAYERS = {
    "digit-cnn": DIGIT_CNN,
    "squeezenet-fcn": SQUEEZENET_FCN,
    "tiny-yolo-v1-2015": TINY_YOLO,
}


@dataclass(frozen=True)
class Input:
    """How the source notes bring a picture into a network, and what for.

    Attributes:
        task: Its question.
        size_hw: Rows and columns.
        mean, std: Of every channel, on the scale 0-1.
        fit: As in a model card.
    """

    task: str
    size_hw: tuple[int, int]
    mean: float = 0.0
    std: float = 1.0
    fit: str = "letterbox"


INPUTS = {
    "digit-cnn": Input("classification", (28, 28)),
    "squeezenet-fcn": Input("segmentation", (272, 360)),
    # From -1 to 1, and squeezed to a square.
    "tiny-yolo-v1-2015": Input("detection", (448, 448), mean=0.5, std=0.5, fit="stretch"),
}

LARGEST = 2**30
"""Bytes of all arrays unpacked: more is none of these networks, but would fill the memory."""


def read(path: Path, model: str | None = None) -> tuple[str, dict[str, Tensor]]:
    """The state dict of one of our networks from a `save_npz` file; nothing is unpickled.

    Args:
        path: The file, whatever its name ends in.
        model: "digit-cnn", "squeezenet-fcn" or "tiny-yolo-v1-2015"; None looks which one's layers
            are there.

    Returns:
        The network's name in the registry, and its tensors.

    Raises:
        ModelFileError: If the file is broken, or a layer is not there; it names the key.
        RecipeError: If `model` is another network.
    """
    if model is not None and model not in LAYERS:
        advice = nearest(model, LAYERS, otherwise="choose one of " + ", ".join(LAYERS))
        what = f"Chainer's layers have no names in {model!r}"
        raise RecipeError(what, where="--model", do=advice)
    arrays = _arrays(path)
    name = model or _likeliest(arrays)
    prefix = _prefix(arrays, next(iter(LAYERS[name])))
    state = {}
    for theirs, ours in LAYERS[name].items():
        for letter, kind in (("W", "weight"), ("b", "bias")):
            key = f"{prefix}{theirs}/{letter}"
            if key not in arrays:
                there = ", ".join(sorted(arrays)[:8]) or "nothing"
                what = f"there is no {key}, which {name} needs, but {there}"
                raise ModelFileError(what, where=path, do="name another file, or --model")
            state[f"{ours}.{kind}"] = torch.from_numpy(arrays[key].astype(np.float32))
    return name, state


@register
class ChainerNpz(Importer):
    """A file of `chainer.serializers.save_npz`."""

    name = "chainer-npz"
    describe = "a file of Chainer's save_npz, of digit-cnn, squeezenet-fcn or Tiny YOLO"

    def recognises(self, path: Path) -> bool:
        """Whether it is a zip of arrays, whatever its name."""
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError):
            return False
        return bool(names) and all(name.endswith(".npy") for name in names)

    def load(self, path: Path, said: Said) -> Imported:
        """The network with its weights; pixels are scaled as the source notes do it."""
        name, weights = read(path, said.model)
        usual = INPUTS[name]
        input_hw = said.input_hw or usual.size_hw
        classes, channels = numbers_of(weights, name, input_hw=input_hw, where=path)
        network = registry.build(name, classes, in_channels=channels, input_hw=input_hw)
        load_into(network, weights, name=name, where=path)
        named = class_names_for(classes, replace(said, model=name))
        return Imported(
            model=network.eval(),
            name=name,
            task=usual.task,
            classes=named,
            input_hw=input_hw,
            channels=channels,
            mean=said.mean or (usual.mean,) * channels,
            std=said.std or (usual.std,) * channels,
            fit=usual.fit,
            licence=said.licence or "not stated",
            provenance={"weights": "trained with Chainer"},
        )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    arrays, key = {}, ""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > LARGEST:
            what = f"its arrays take {size:,} bytes, more than any of these networks"
            raise ModelFileError(what, where=path, do="name another file")
        with np.load(path, allow_pickle=False) as file:
            for key in file.files:
                arrays[key] = file[key]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        if isinstance(error, ModelFileError):
            raise
        # Chainer saves a layer that has met no data yet as a pickled None.
        what = f"{key} is no array of numbers" if key else "this is no file of save_npz"
        raise ModelFileError(what, where=path, do="save it again after training") from error
    wrong = [key for key, array in arrays.items() if array.dtype.kind not in "fiu"]
    if wrong:
        what = f"{wrong[0]} is no array of numbers"
        raise ModelFileError(what, where=path, do="save it again after training")
    return arrays


def _likeliest(arrays: dict[str, np.ndarray]) -> str:
    """The network of which the most layers are there."""

    def there(name: str) -> int:
        return sum(any(_is(key, f"{layer}/W") for key in arrays) for layer in LAYERS[name])

    return max(LAYERS, key=lambda name: there(name) / len(LAYERS[name]))


def _prefix(arrays: dict[str, np.ndarray], layer: str) -> str:
    fitting = [key for key in arrays if _is(key, f"{layer}/W")]
    return min(fitting, key=len, default=f"{layer}/W").removesuffix(f"{layer}/W")


def _is(key: str, wanted: str) -> bool:
    return key == wanted or key.endswith(f"/{wanted}")
