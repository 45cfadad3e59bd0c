"""A .cfg file of Darknet with its .weights, as a detector."""

from __future__ import annotations

from pathlib import Path

from akitsu.data.formats.class_names import listed_names
from akitsu.errors import ModelFileError, RecipeError
from akitsu.models.detection.darknet import Darknet
from akitsu.models.detection.darknet_cfg import Section, read_cfg
from akitsu.weights.darknet_names import as_coco, coco_names, voc_names
from akitsu.weights.darknet_weights import read_weights
from akitsu.weights.importers import Imported, Importer, Said, register

NET = ("[net]", "[network]")
LOOKED_AT = 4096  # bytes


@register
class DarknetFiles(Importer):
    """`yolo.cfg` with `yolo.weights`, and `yolo.names` if it lies beside them."""

    name = "darknet"
    describe = "a .cfg file of Darknet, with its .weights"

    def recognises(self, path: Path) -> bool:
        """Whether the first section is [net]."""
        with path.open("rb") as file:
            text = file.read(LOOKED_AT).decode("utf-8-sig", errors="replace")
        lines = (line.partition("#")[0].partition(";")[0].strip() for line in text.splitlines())
        return next((line for line in lines if line), "").lower() in NET

    def load(self, path: Path, said: Said) -> Imported:
        """The detector that the .cfg describes, with the weights that were said.

        Without any, those beside it with the same name are read. A frame is squeezed to the input,
        as AlexeyAB's Darknet does it, unless the file says `letter_box=1`.

        Raises:
            ModelFileError: If a file is broken, or the two do not belong together.
            RecipeError: If a network is named, or other than its number of classes.
        """
        if said.model is not None:
            what = "the .cfg says of which network the weights are"
            raise RecipeError(what, where="--model", do="leave --model out")
        sections = read_cfg(path)
        network = Darknet(sections)
        if said.input_hw is not None and said.input_hw != network.input_hw:
            what = f"the .cfg says {network.input_hw[0]} x {network.input_hw[1]}"
            do = "change width and height under [net], to multiples of 32"
            raise RecipeError(what, where="--input-hw", do=do)
        weights = said.weights or path.with_suffix(".weights")
        if not weights.exists():
            what = f"no {weights.name} beside it" if said.weights is None else "no such file"
            do = f"name the weights: akitsu import {path.name} FILE.weights"
            raise ModelFileError(what, where=path if said.weights is None else weights, do=do)
        header = read_weights(weights, network)
        letterbox = bool(sections[0].whole("letter_box", 0))
        return Imported(
            model=network.eval(),
            name=path.stem,
            task="detection",
            classes=_classes(network.classes, path, said),
            input_hw=network.input_hw,
            channels=network.channels,
            mean=said.mean or (0.0,) * network.channels,
            std=said.std or (1.0,) * network.channels,
            fit="letterbox" if letterbox else "quick-stretch",
            licence=said.licence or "not stated",
            provenance={
                "weights": f"{weights.name}, Darknet {header.version}, {header.seen:,} pictures",
                "heads": _heads(sections),
            },
        )


def _classes(count: int, path: Path, said: Said) -> tuple[str, ...]:
    beside = path.with_suffix(".names")
    if said.classes is not None:
        names, where = said.classes, "--classes"
    elif beside.exists():
        names, where = tuple(listed_names(beside)), str(beside)
    elif count == len(coco_names()):
        return coco_names()
    elif count == len(voc_names()):
        return voc_names()
    else:
        return ("object",) if count == 1 else tuple(f"class {at}" for at in range(count))
    if len(names) != count:
        what = f"{len(names)} names for the {count} classes of this network"
        raise RecipeError(what, where=where, do="give one name a line for each class")
    return as_coco(names)


def _heads(sections: list[Section]) -> str:
    kinds = [each.kind for each in sections if each.kind in ("detection", "region", "yolo")]
    return ", ".join(kinds)
