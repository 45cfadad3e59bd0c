"""The authors' SqueezeNet 1.0 of ImageNet in 660 KB, as a classifier of 1000 classes."""

from __future__ import annotations

from pathlib import Path

from akitsu.errors import RecipeError
from akitsu.models.classification.squeezenet import squeezenet
from akitsu.weights import deep_compression
from akitsu.weights.imagenet import imagenet_classes
from akitsu.weights.importers import Imported, Importer, Said, register

# The authors squeeze the whole picture to 256 x 256 and cut the centre out.
INPUT_HW = (227, 227)
CROP = 227 / 256


@register
class DeepCompressedSqueezeNet(Importer):
    """`squeezenet_v1.0_deep_compression.net`, with everything that it needs to answer."""

    name = "deep-compressed-squeezenet"
    describe = "squeezenet_v1.0_deep_compression.net of the authors of SqueezeNet"

    def recognises(self, path: Path) -> bool:
        """Whether it begins with the counts of SqueezeNet's 26 layers."""
        return deep_compression.recognises(path)

    def load(self, path: Path, said: Said) -> Imported:
        """The network and ImageNet's names; what else is said is taken, where it can be.

        Raises:
            ModelFileError: If the file is broken.
            RecipeError: If another network is named, or not 1000 classes.
        """
        if said.model not in (None, "squeezenet"):
            what = f"this file is SqueezeNet, and not {said.model}"
            raise RecipeError(what, where="--model", do="leave --model out")
        classes = said.classes or imagenet_classes()
        if len(classes) != deep_compression.SQUEEZENET_CLASSES:
            what = f"{len(classes)} names for the 1000 classes of this network"
            raise RecipeError(what, where="--classes", do="leave --classes out for ImageNet's")
        model = squeezenet(len(classes))
        model.load_state_dict(deep_compression.read(path))
        return Imported(
            model=model.eval(),
            name="squeezenet",
            task="classification",
            classes=classes,
            input_hw=said.input_hw or INPUT_HW,
            channels=3,
            mean=said.mean or deep_compression.MEAN,
            std=said.std or deep_compression.STD,
            fit="stretch",
            crop=CROP,
            licence=said.licence or "BSD-2-Clause",
            provenance={
                "weights": "SqueezeNet 1.0, deep-compressed, trained on ImageNet (ILSVRC 2012)",
                "authors": "Iandola et al. (arXiv:1602.07360), Han et al. (arXiv:1510.00149)",
            },
        )
