"""SqueezeNet: fire modules squeeze the channels before the 3 x 3 filters see them.

Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model
size", arXiv:1602.07360; version 1.1 is the authors' later one, of 2.4 times less computation.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Literal, cast

import torch
from torch import Tensor, nn

from akitsu.errors import RecipeError, nearest
from akitsu.models.registry import register

Version = Literal["1.0", "1.1"]
Bypass = Literal["none", "simple", "complex"]

VERSIONS: tuple[Version, ...] = ("1.0", "1.1")
BYPASSES: tuple[Bypass, ...] = ("none", "simple", "complex")
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU}

# Table 1: s and e of each fire; the 1 x 1 and the 3 x 3 half of an expansion are equally wide.
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128),
         6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}  # fmt: skip
POOLED_BEFORE = {"1.0": (5, 9), "1.1": (4, 6)}
STEM = {"1.0": (96, 7), "1.1": (64, 3)}

# Around these the shapes agree (figure 2, middle); around the others they do not.
SIMPLE_BYPASSES = (3, 5, 7, 9)


class Fire(nn.Module):
    """Squeeze by 1 x 1 to s channels, expand by 1 x 1 and 3 x 3 side by side to e each.

    Args:
        in_channels: C of the map that comes in.
        squeeze: s.
        expand: e; 2e channels go out, the 1 x 1 half first.
        activation: Behind the squeeze and behind both halves of the expansion.
        bypass: Adds the input to the output, as it is ("identity") or through a 1 x 1 convolution
            ("project"); the sum is not rectified again.
    """

    def __init__(
        self,
        in_channels: int,
        squeeze: int,
        expand: int,
        *,
        activation: type[nn.Module] = nn.ReLU,
        bypass: Literal["none", "identity", "project"] = "none",
    ) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)
        self.activation = activation()
        self.bypass: nn.Module | None = None
        if bypass == "identity":
            self.bypass = nn.Identity()
        elif bypass == "project":
            self.bypass = nn.Conv2d(in_channels, 2 * expand, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 2e, H, W)."""
        squeezed = self.activation(self.squeeze(x))
        expanded = torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1)
        out: Tensor = self.activation(expanded)
        return out if self.bypass is None else out + self.bypass(x)


class SqueezeNet(nn.Module):
    """`features` to the last fire module, then `conv10` and the mean over the map.

    Attributes:
        features: (B, C, H, W) to (B, 512, H', W'); 13 x 13 from 227 x 227 pixels.
        conv10: The 1 x 1 convolution to K score maps: the head.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        version: Version,
        bypass: Bypass,
        activation: type[nn.Module],
        last_relu: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.features = _features(in_channels, version, bypass=bypass, activation=activation)
        self.dropout = nn.Dropout(dropout)
        self.conv10 = nn.Conv2d(512, classes, 1)
        self.last_activation = activation() if last_relu else nn.Identity()
        self.apply(_caffe_xavier)
        nn.init.normal_(self.conv10.weight, std=0.01)

    def score_maps(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K, H', W'): what each place of the picture says for each class."""
        maps: Tensor = self.last_activation(self.conv10(self.dropout(self.features(images))))
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K) logits."""
        return self.score_maps(images).mean((2, 3))


def _features(
    in_channels: int, version: Version, *, bypass: Bypass, activation: type[nn.Module]
) -> nn.Sequential:
    """The trunk, in torchvision's order: only the names of the layers differ."""
    channels, kernel_size = STEM[version]
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, channels, kernel_size, stride=2),
        activation1=activation(),
        # Caffe's pooling covers the whole map; at 227 pixels floor and ceil agree, at 224 not.
        pool1=nn.MaxPool2d(3, 2, ceil_mode=True),
    )
    for number, (squeeze, expand) in FIRES.items():
        if number in POOLED_BEFORE[version]:
            layers[f"pool{number - 1}"] = nn.MaxPool2d(3, 2, ceil_mode=True)
        way: Literal["none", "identity", "project"] = "none"
        if bypass != "none" and number in SIMPLE_BYPASSES:
            way = "identity"
        elif bypass == "complex":
            way = "project"
        layers[f"fire{number}"] = Fire(channels, squeeze, expand, activation=activation, bypass=way)
        channels = 2 * expand
    return nn.Sequential(layers)


def _caffe_xavier(module: nn.Module) -> None:
    """Uniform weights of variance 1 / fan-in, zero biases: Caffe's filler, as the authors used."""
    if isinstance(module, nn.Conv2d):
        fan_in = module.in_channels * math.prod(module.kernel_size)
        reach = math.sqrt(3 / fan_in)
        nn.init.uniform_(module.weight, -reach, reach)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


@register("squeezenet", task="classification", paper="arXiv:1602.07360", year=2016, least_side=21)
def squeezenet(
    classes: int,
    in_channels: int = 3,
    version: str = "1.0",
    bypass: str = "none",
    activation: str = "relu",
    last_relu: bool = True,
    dropout: float = 0.5,
) -> nn.Module:
    """Fire modules: (B, C, H, W) to (B, K) logits, for sides of 21 pixels or more.

    Parameters at C=3, K=1000: 1,248,424 (version 1.0), 1,235,496 (version 1.1); a simple bypass
    adds none, a complex one makes 1,589,672 of the first.

    Args:
        classes: K.
        in_channels: 3 for RGB, 1 for grey.
        version: "1.0", the paper's, or "1.1", with 3 x 3 filters first and earlier pooling.
        bypass: "none", "simple" (around fire3, 5, 7, 9) or "complex" (1 x 1 convolutions around
            the other four as well).
        activation: "relu", or "elu" as in the source notes' segmenter.
        last_relu: The paper rectifies the score maps before their mean, so that no logit is
            negative. Set it to false for fine-tuning, where it can silence a new head for good,
            and for class activation maps.
        dropout: Share of the last map's values that training drops.

    Raises:
        RecipeError: If the version, the bypass or the activation does not exist.
    """
    return SqueezeNet(
        classes,
        in_channels,
        version=cast(Version, _chosen("version", version, VERSIONS)),
        bypass=cast(Bypass, _chosen("bypass", bypass, BYPASSES)),
        activation=ACTIVATIONS[_chosen("activation", activation, tuple(ACTIVATIONS))],
        last_relu=last_relu,
        dropout=dropout,
    )


def _chosen(option: str, value: object, choices: tuple[str, ...]) -> str:
    text = str(value)  # YAML reads version: 1.1 as a number
    if text not in choices:
        advice = nearest(text, choices, otherwise="choose one of " + ", ".join(choices))
        raise RecipeError(f"there is no {option} {text!r}", where=f"model.{option}", do=advice)
    return text


def from_torchvision(weights: dict[str, Tensor], *, version: str = "1.0") -> dict[str, Tensor]:
    """torchvision's state dict of `squeezenet1_0` or `squeezenet1_1` under the names used here.

    Args:
        weights: With keys such as "features.3.squeeze.weight" and "classifier.1.bias".
        version: Of the network that they belong to.

    Returns:
        The same tensors; a key that is none of that network's is kept as it is.
    """
    with torch.device("meta"):  # its names are wanted, and no random number
        trunk = _features(3, cast(Version, version), bypass="none", activation=nn.ReLU)
    names = {f"features.{i}": f"features.{name}" for i, name in enumerate(trunk._modules)}
    names["classifier.1"] = "conv10"
    renamed = {}
    for key, tensor in weights.items():
        for theirs, ours in names.items():
            if key.startswith(f"{theirs}."):
                key = ours + key.removeprefix(theirs)
                break
        renamed[key] = tensor
    return renamed
