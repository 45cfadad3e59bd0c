"""State dicts of PyTorch, as .safetensors or as torch.save wrote them, of a named network."""

from __future__ import annotations

import zipfile
from pathlib import Path

from akitsu.errors import RecipeError
from akitsu.models import registry
from akitsu.models.classification.squeezenet import from_torchvision
from akitsu.weights import pretrained
from akitsu.weights.fitting import class_names_for, load_into, numbers_of
from akitsu.weights.importers import Imported, Importer, Said, register

INPUT_HW = (224, 224)
CROP = 224 / 256  # the usual centre of a picture scaled to 256 pixels

HEADER_LENGTH = 8
LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file of torch.save began before version 1.6."""


@register
class StateDict(Importer):
    """Weights of PyTorch; where the file's name does not say of which network, a person does."""

    name = "state-dict"
    describe = "a state dict as .safetensors or of torch.save, with --model"

    def recognises(self, path: Path) -> bool:
        """Whether it begins as one of the two."""
        return _is_safetensors(path) or _is_torch(path)

    def load(self, path: Path, said: Said) -> Imported:
        """The named classifier with these weights; nothing is unpickled but tensors.

        Weights of torchvision and timm take ImageNet's normalisation and a stretched frame's
        centre, unless something else is said; others take pixels divided by 255, letterboxed.

        Raises:
            ModelFileError: If the file is broken, or of another network.
            RecipeError: If no network is named, or one that does not exist.
        """
        found = pretrained.from_file(path)
        name = said.model or found.model
        if name is None:
            what = "a state dict does not say of which network it is"
            raise RecipeError(what, where="--model", do="name it, as in --model resnet18")
        entry = registry.entry(name, task="classification")
        is_foreign, weights = bool(entry.library), dict(found.weights)
        if name == "squeezenet" and "classifier.1.weight" in weights:
            weights, is_foreign = from_torchvision(weights), True
        input_hw = said.input_hw or INPUT_HW
        classes, channels = numbers_of(weights, name, input_hw=input_hw, where=path)
        network = registry.build(name, classes, in_channels=channels, input_hw=input_hw)
        load_into(network, weights, name=name, where=path)
        # Of a file that says nothing, `found` supposes ImageNet's: right for a library's alone.
        is_known = is_foreign or found.model is not None
        usual = (is_known and found.normalisation) or (pretrained.IMAGENET if is_foreign else {})
        if len(usual.get("mean", ())) != channels:
            usual = {"mean": [0.0] * channels, "std": [1.0] * channels}
        return Imported(
            model=network.eval(),
            name=name,
            task="classification",
            classes=class_names_for(classes, said),
            input_hw=input_hw,
            channels=channels,
            mean=said.mean or tuple(usual["mean"]),
            std=said.std or tuple(usual["std"]),
            fit="stretch" if is_foreign else "letterbox",
            crop=CROP if is_foreign else 1.0,
            licence=said.licence or "not stated",
            provenance={"weights": found.source},
        )


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        length, first = file.read(HEADER_LENGTH), file.read(1)
    return first == b"{" and int.from_bytes(length, "little") < path.stat().st_size


def _is_torch(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(len(LEGACY_MAGIC)) == LEGACY_MAGIC:
            return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
