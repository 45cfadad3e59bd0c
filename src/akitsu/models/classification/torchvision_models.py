"""torchvision's convolutional classifiers under their own names, as they are and not rewritten.

Changed are only the ends: the head has as many outputs as there are classes, the first convolution
as many inputs as the pictures have channels, and there are no auxiliary heads, which serve the
first training alone.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from torch import nn

from akitsu.models.registry import register

LIBRARY = "torchvision"

# Without their side heads, and without a second normalisation of the input.
NO_SIDE_HEADS = {"aux_logits": False, "transform_input": False, "init_weights": True}

RGB = 3

# Where the ReLU stands in `classifier`.
RELU_OF_SQUEEZENET = "2"


@dataclass(frozen=True)
class Family:
    """Networks of one paper.

    Attributes:
        title: How people call it.
        paper: Where it stands.
        year: Of the paper.
        members: torchvision's names, with the parameters at 3 channels and 1000 classes, and the
            top-1 accuracy in percent of the first ImageNet weights, as torchvision gives them.
        least_side: See `ModelEntry`; measured where a layer fails below, else the stride.
        note: One more sentence for the page.
        arguments: For torchvision's builder.
    """

    title: str
    paper: str
    year: int
    members: dict[str, tuple[int, float]]
    least_side: int = 32
    note: str = ""
    arguments: dict[str, Any] | None = None


FAMILIES = (
    Family(
        "AlexNet, the variant with one tower",
        "arXiv:1404.5997",
        2014,
        {"alexnet": (61_100_840, 56.522)},
        least_side=63,
        note="The network of 2012, with two groups and local normalisation, is `alexnet-2012`.",
    ),
    Family(
        "VGG",
        "arXiv:1409.1556",
        2014,
        {
            "vgg11": (132_863_336, 69.020),
            "vgg11_bn": (132_868_840, 70.370),
            "vgg13": (133_047_848, 69.928),
            "vgg13_bn": (133_053_736, 71.586),
            "vgg16": (138_357_544, 71.592),
            "vgg16_bn": (138_365_992, 73.360),
            "vgg19": (143_667_240, 72.376),
            "vgg19_bn": (143_678_248, 74.218),
        },
    ),
    Family(
        "ResNet",
        "arXiv:1512.03385",
        2015,
        {
            "resnet18": (11_689_512, 69.758),
            "resnet34": (21_797_672, 73.314),
            "resnet50": (25_557_032, 76.130),
            "resnet101": (44_549_160, 77.374),
            "resnet152": (60_192_808, 78.312),
        },
        note="A bottleneck halves the map in its 3 x 3 convolution, the paper's in the first.",
    ),
    Family(
        "SqueezeNet",
        "arXiv:1602.07360",
        2016,
        {"squeezenet1_0": (1_248_424, 58.092), "squeezenet1_1": (1_235_496, 58.178)},
        least_side=21,
    ),
    Family(
        "DenseNet",
        "arXiv:1608.06993",
        2016,
        {
            "densenet121": (7_978_856, 74.434),
            "densenet161": (28_681_000, 77.138),
            "densenet169": (14_149_480, 75.600),
            "densenet201": (20_013_928, 76.896),
        },
    ),
    Family(
        "GoogLeNet",
        "arXiv:1409.4842",
        2014,
        {"googlenet": (6_624_904, 69.778)},
        note="With batch normalisation; without the two side heads.",
        arguments=NO_SIDE_HEADS,
    ),
    Family(
        "Inception v3",
        "arXiv:1512.00567",
        2015,
        {"inception_v3": (23_834_568, 77.294)},
        least_side=75,
        note="Without the side head.",
        arguments=NO_SIDE_HEADS,
    ),
    Family("MobileNet v2", "arXiv:1801.04381", 2018, {"mobilenet_v2": (3_504_872, 71.878)}),
    Family(
        "MobileNet v3",
        "arXiv:1905.02244",
        2019,
        {"mobilenet_v3_small": (2_542_856, 67.668), "mobilenet_v3_large": (5_483_032, 74.042)},
    ),
    Family(
        "ShuffleNet v2",
        "arXiv:1807.11164",
        2018,
        {"shufflenet_v2_x0_5": (1_366_792, 60.552), "shufflenet_v2_x1_0": (2_278_604, 69.362)},
    ),
    Family("EfficientNet", "arXiv:1905.11946", 2019, {"efficientnet_b0": (5_288_548, 77.692)}),
)


def _register(name: str, family: Family) -> None:
    """Enter one network with its page, which `akitsu models NAME` prints."""
    parameters, top1 = family.members[name]

    def build(classes: int, in_channels: int = 3) -> nn.Module:
        return _built(name, classes, in_channels, family.arguments or {})

    def build_rectified(classes: int, in_channels: int = 3, last_relu: bool = True) -> nn.Module:
        model = _built(name, classes, in_channels, {})
        if not last_relu:
            setattr(model.get_submodule("classifier"), RELU_OF_SQUEEZENET, nn.Identity())
        return model

    builder = build_rectified if name.startswith("squeezenet") else build
    builder.__doc__ = inspect.cleandoc(
        f"""{family.title} of torchvision ({name}): (B, C, H, W) to (B, K) logits.

        {parameters:,} parameters at C=3, K=1000; sides of {family.least_side} pixels or more.
        torchvision's first ImageNet weights: {top1} % top-1.
        """
    ) + (f"\n{family.note}" if family.note else "")
    if builder is build_rectified:
        builder.__doc__ += (
            "\n`last_relu: false` takes away the ReLU behind the head, which can silence a new one."
        )
    register(
        name,
        task="classification",
        paper=family.paper,
        year=family.year,
        least_side=family.least_side,
        library=LIBRARY,
    )(builder)


def _built(name: str, classes: int, in_channels: int, arguments: dict[str, Any]) -> nn.Module:
    from torchvision import models

    model: nn.Module = models.get_model(name, weights=None, num_classes=classes, **arguments)
    if in_channels != RGB:
        widen_first(model, in_channels)
    return model


def widen_first(model: nn.Module, in_channels: int) -> None:
    """Give a network's first convolution another number of input channels, freshly initialised."""
    name, first = next(
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)
    )
    parent, _, last = name.rpartition(".")
    assert isinstance(first.padding, tuple)
    replaced = nn.Conv2d(
        in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
        device=first.weight.device,
    )
    setattr(model.get_submodule(parent), last, replaced)


for _family in FAMILIES:
    for _name in _family.members:
        _register(_name, _family)
