"""Weights to begin a training with: from a file, from torchvision, from timm.

Whatever they come from, they are put into a network by name and shape, and it is said what found
no place. A picture has to be normalised as it was when they were trained; that comes with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from akitsu.errors import ModelFileError, RecipeError, require
from akitsu.models import registry
from akitsu.models.classification.torchvision_models import LIBRARY
from akitsu.runtime.card import ModelCard
from akitsu.weights import deep_compression, imagenet
from akitsu.weights.download import DownloadError, fetched, require_checksum

Normalisation = dict[str, list[float]]

IMAGENET: Normalisation = {"mean": list(imagenet.MEAN), "std": list(imagenet.STD)}
# Pixels from -1 to 1; torchvision's own networks convert them inside.
FROM_MINUS_ONE: Normalisation = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
# Pixels from 0 to 255 less the mean of Caffe's VGG.
OF_CAFFE: Normalisation = {"mean": [0.48235, 0.45882, 0.40784], "std": [1 / 255] * 3}
UNUSUAL = {
    "googlenet": FROM_MINUS_ONE,
    "inception_v3": FROM_MINUS_ONE,
    "ssdlite320_mobilenet_v3_large": FROM_MINUS_ONE,
    "ssd300_vgg16": OF_CAFFE,
}

SUFFIXES = (".safetensors", ".pth", ".pt", ".net")
# Under these a training script keeps the weights beside other things.
INSIDE = ("state_dict", "model_state_dict", "model")
# torchvision's older files of DenseNet: norm.1 for what is norm1 today.
DOTTED = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")

RGB = 3


@dataclass(frozen=True)
class Pretrained:
    """Weights by name, and what goes with them.

    Attributes:
        weights: A state dict.
        source: What they are, in words, without a path.
        model: The registered network that they are of; None where nothing says so.
        normalisation: "mean" and "std" by channel, on the scale 0 to 1; None where nothing says so.
    """

    weights: Mapping[str, Tensor]
    source: str
    model: str | None = None
    normalisation: Normalisation | None = None

    def normalisation_for(self, channels: int) -> Normalisation | None:
        """The same for 3 channels, or one number each for grey pictures."""
        if self.normalisation is None or channels == len(self.normalisation["mean"]):
            return self.normalisation
        return {key: [sum(each) / len(each)] * channels for key, each in self.normalisation.items()}


@dataclass(frozen=True)
class Loaded:
    """What became of the weights.

    Attributes:
        taken: Names that found their place.
        left_out: Names in the weights that have none in the network, or another shape there.
        missing: Names in the network that got nothing: they begin at random.
    """

    taken: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        text = f"{len(self.taken)} of {len(self.taken) + len(self.missing)} tensors loaded"
        if set(self.left_out) == set(self.missing):
            said = [(self.missing, "of another shape, and begin anew")]
        else:
            said = [(self.left_out, "left out"), (self.missing, "begin anew")]
        for names, words in said:
            if names:
                text += f"; {words}: {_listed(names)}"
        return text


def put_into(model: nn.Module, pretrained: Pretrained) -> Loaded:
    """Copy weights into a network, by name and shape.

    Filters for red, green and blue are added up where the network's take grey: a grey picture is
    one whose three channels are alike.

    Raises:
        ModelFileError: If nothing fits.
    """
    loaded, state = Loaded(), model.state_dict()
    new: dict[str, Tensor] = {}
    for name, tensor in pretrained.weights.items():
        wanted = state.get(name)
        if wanted is None or (fitted := _fitted(tensor, wanted.shape)) is None:
            loaded.left_out.append(name)
        else:
            new[name] = fitted
            loaded.taken.append(name)
    loaded.missing.extend(name for name in state if name not in new)
    if not any(state[name].ndim > 1 for name in new):
        raise ModelFileError(
            "no weights here have the name and shape of one of the network's",
            where=pretrained.source,
            do=f"set model.name to the network that they are of ({pretrained.model or 'unknown'})",
        )
    model.load_state_dict(new, strict=False)
    return loaded


def from_file(path: Path) -> Pretrained:
    """Weights in a file: .safetensors, a .pth or .pt state dict, or a deep-compressed .net.

    Beside weights that akitsu wrote, card.json says which network they are of; files of
    torchvision say it by their names. A pickle is read for its tensors alone: nothing in it runs.

    Args:
        path: The file, or the folder of a run.

    Raises:
        ModelFileError: If there is none, or it holds no weights.
    """
    path = path / "best.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise ModelFileError(
            "there are no such weights", where=path, do="check the path in model.pretrained"
        )
    if path.suffix == ".net":
        means = {"mean": list(deep_compression.MEAN), "std": list(deep_compression.STD)}
        weights = deep_compression.read(path)
        return Pretrained(weights, f"SqueezeNet in {path.name}", "squeezenet", means)
    if path.suffix == ".safetensors":
        return _with_card(_safetensors(path), path)
    if path.suffix in (".pth", ".pt"):
        require_checksum(path, name=path.name)
        name = _network_of(path.name)
        return Pretrained(_pickled(path), path.name, name, _torchvision_normalisation(name))
    raise ModelFileError(
        "weights of this kind are not known", where=path, do=f"use one of {', '.join(SUFFIXES)}"
    )


def of_library(name: str, *, version: str | None = None) -> Pretrained:
    """The weights that a registered network's library offers, fetched where they are not yet here.

    Args:
        name: The network.
        version: torchvision's name of the weights, such as "IMAGENET1K_V2"; None: the first. Of a
            detector it may be one of the classifier's that is its trunk.

    Raises:
        DownloadError: If they cannot be fetched.
        RecipeError: If there are none.
    """
    entry = registry.entry(name)
    if entry.library == LIBRARY:
        return _of_torchvision(name, version, entry.backbone)
    if entry.library == "timm":
        return _of_timm(name)
    raise RecipeError(
        f"nobody offers weights of {name}",
        where="model.pretrained",
        do="name a file, or choose a network of torchvision or timm",
    )


def _of_torchvision(name: str, version: str | None, backbone: str) -> Pretrained:
    from torchvision.models import get_model_weights

    networks = [name, backbone] if backbone else [name]
    offered = {each.name: (of, each) for of in networks for each in get_model_weights(of)}
    version = next(iter(offered)) if version is None else version
    if version not in offered:
        raise RecipeError(
            f"torchvision has no weights {version!r} of {name}",
            where="model.pretrained",
            do=f"choose one of {', '.join(offered)}",
        )
    name, found = offered[version]
    path = fetched(found.url, Path(torch.hub.get_dir()) / "checkpoints")
    source = f"torchvision's {name}, {version}"
    return Pretrained(_pickled(path), source, name, _torchvision_normalisation(name))


def _of_timm(name: str) -> Pretrained:
    require("timm", extra="timm", purpose=f"the network {name}")
    import timm

    try:
        model = timm.create_model(name.removeprefix(registry.TIMM), pretrained=True)
    except Exception as error:  # the hub's client raises of its own, and of the one below it
        raise DownloadError(
            f"timm could not fetch them ({str(error).splitlines()[0]})",
            where=name,
            do="try again with the network, or name a file with --set model.pretrained=FILE",
        ) from error
    cfg = model.pretrained_cfg
    means = {"mean": list(cfg["mean"]), "std": list(cfg["std"])}
    return Pretrained(model.state_dict(), f"timm's {cfg.get('tag') or name}", name, means)


def _torchvision_normalisation(name: str | None) -> Normalisation:
    return UNUSUAL.get(name or "", IMAGENET)


def _network_of(filename: str) -> str | None:
    """The network whose weights torchvision offers under this file name."""
    from torchvision.models import get_model_weights

    for name, entry in registry.entries().items():
        if entry.library == LIBRARY and any(
            each.url.endswith(f"/{filename}") for each in get_model_weights(name)
        ):
            return name
    return None


def _pickled(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError, ValueError, KeyError) as error:
        raise ModelFileError(
            "this is no file of tensors alone, and anything else is not opened",
            where=path,
            do="save model.state_dict() with torch.save, or as .safetensors",
        ) from error
    for key in INSIDE:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict):
        content = {}
    return _named(content, path)


def _safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return _named(load_file(path), path)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(
            "this is no .safetensors file, or a broken one", where=path, do="copy it again"
        ) from error


def _named(content: Mapping[Any, Any], path: Path) -> dict[str, Tensor]:
    """The tensors, without what DataParallel puts before their names."""
    tensors = {
        DOTTED.sub(r"\1\2.", str(name).removeprefix("module.")): tensor
        for name, tensor in content.items()
        if isinstance(tensor, Tensor)
    }
    if not tensors:
        raise ModelFileError("there are no weights in it", where=path, do="name a state dict")
    return tensors


def _with_card(weights: dict[str, Tensor], path: Path) -> Pretrained:
    card_file = path.parent / "card.json"
    if not card_file.is_file():
        return Pretrained(weights, path.name)
    card = ModelCard.from_json(card_file.read_text(encoding="utf-8"), where=card_file)
    recipe = card.provenance.get("recipe", "a run")
    return Pretrained(weights, f"{card.model} trained by {recipe}", card.model, card.normalisation)


def _fitted(tensor: Tensor, shape: torch.Size) -> Tensor | None:
    """The tensor in the network's shape, or None."""
    if tensor.shape == shape:
        return tensor
    grey = tensor.ndim == 4 and tensor.shape[1] == RGB and shape[1:2] == (1,)
    if grey and tensor.sum(1, keepdim=True).shape == shape:
        return tensor.sum(1, keepdim=True)
    return None


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"
