"""VGG, configuration C, and the dense evaluation of any network that ends in dense layers.

"Very Deep Convolutional Networks for Large-Scale Image Recognition" (Simonyan and Zisserman 2015,
arXiv:1409.1556), table 1 and section 3.2. The other configurations are torchvision's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from akitsu.errors import ShapeError
from akitsu.models.registry import register

# Kernel sizes of the convolutions of each group, column C of table 1.
KERNELS = ((3, 3), (3, 3), (3, 3, 1), (3, 3, 1), (3, 3, 1))
LEAST_SIDE = 2 ** len(KERNELS)


def stack(in_channels: int, out_channels: int, kernels: Sequence[int]) -> list[nn.Module]:
    """Convolutions that keep the size, a ReLU behind each."""
    layers: list[nn.Module] = []
    for kernel_size in kernels:
        layers.append(nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2))
        layers.append(nn.ReLU(inplace=True))
        in_channels = out_channels
    return layers


class VGG(nn.Module):
    """Five groups of convolutions, each pooled to half the side, and three dense layers.

    `features` maps (B, C, H, W) to (B, widths[-1], *map_hw), `classifier` that to (B, K) logits.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        input_hw: tuple[int, int],
        widths: Sequence[int],
        dense: int,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width, kernels in zip(widths, KERNELS, strict=True):
            layers += [*stack(in_channels, width, kernels), nn.MaxPool2d(2)]
            in_channels = width
        self.map_hw = (input_hw[0] // LEAST_SIDE, input_hw[1] // LEAST_SIDE)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(in_channels * self.map_hw[0] * self.map_hw[1], dense),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(dense, dense),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(dense, classes),
        )
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of the size that it was made for, to (B, K) logits."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def _initialise(model: nn.Module) -> None:
    """Glorot and Bengio (2010), by which the authors later trained without a shallower network."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@register(
    "vgg16-c", task="classification", paper="arXiv:1409.1556", year=2015, least_side=LEAST_SIDE
)
def vgg16_c(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (224, 224),
    widths: Sequence[int] = (64, 128, 256, 512, 512),
    dense: int = 4096,
) -> nn.Module:
    """Configuration C, sixteen layers: (B, C, H, W) to (B, K) logits.

    133,638,952 parameters at C=3, K=1000 and 224 x 224 pixels. The third convolution of groups 3
    to 5 is 1 x 1: one more ReLU without a wider view.

    Args:
        classes: K.
        in_channels: C.
        input_hw: Rows and columns of the pictures, on which the first dense layer depends.
        widths: Maps of the five groups.
        dense: Units of the two hidden dense layers.

    Raises:
        ShapeError: If a side is shorter than 32 pixels.
    """
    if min(input_hw) < LEAST_SIDE:
        raise ShapeError(
            f"pictures of {input_hw[0]} x {input_hw[1]} are too small for vgg16-c",
            do=f"set model.input_hw to [{LEAST_SIDE}, {LEAST_SIDE}] or more",
        )
    return VGG(classes, in_channels, input_hw=input_hw, widths=widths, dense=dense)


class DenselyScored(nn.Module):
    """A network whose dense layers have become convolutions: a score for every place.

    `score_map` gives the scores of all places, `forward` their mean (section 3.2).
    """

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features, self.head = features, head

    def score_map(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of at least the trained size to (B, K, h, w) logits."""
        scores: Tensor = self.head(self.features(images))
        return scores

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of at least the trained size to (B, K) logits, the mean over all places."""
        return self.score_map(images).mean((2, 3))


def densify(model: nn.Module) -> DenselyScored:
    """Turn the dense layers into convolutions, so that pictures may be larger than in training.

    The first becomes a convolution as large as the map that it read (7 x 7 of 224 x 224 pixels),
    the others 1 x 1. The convolutions of `model` are shared with the new network, its dense
    weights are copied.

    Args:
        model: A network with `features` and with linear layers in `classifier`, as VGG and AlexNet
            here and in torchvision; an adaptive pooling between them is left out.

    Raises:
        ShapeError: If the network has another form.
    """
    features, classifier = getattr(model, "features", None), getattr(model, "classifier", None)
    layers = list(classifier) if isinstance(classifier, nn.Sequential) else []
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    map_hw = _map_hw(model)
    if features is None or not linear or linear[0].in_features % (map_hw[0] * map_hw[1]):
        raise ShapeError(
            f"{type(model).__name__} does not end in dense layers over a map",
            do="densify a network with features and classifier, such as vgg16-c or alexnet-2012",
        )
    convolutions: dict[nn.Module, nn.Module] = {
        layer: _as_convolution(layer, map_hw if layer is linear[0] else (1, 1)) for layer in linear
    }
    kept = [layer for layer in layers if not isinstance(layer, nn.Flatten)]
    head = nn.Sequential(*(convolutions.get(layer, layer) for layer in kept))
    return DenselyScored(features, head).train(model.training)


def _map_hw(model: nn.Module) -> tuple[int, int]:
    """Rows and columns of the map that the first dense layer reads."""
    pooled = getattr(getattr(model, "avgpool", None), "output_size", (1, 1))
    height, width = getattr(model, "map_hw", pooled)
    return height, width


def _as_convolution(layer: nn.Linear, kernel_hw: tuple[int, int]) -> nn.Conv2d:
    """The same sum, written over C x h x w in the order in which a map is flattened."""
    rows, columns = kernel_hw
    channels = layer.in_features // (rows * columns)
    convolution = nn.Conv2d(channels, layer.out_features, kernel_hw, bias=layer.bias is not None)
    with torch.no_grad():
        convolution.weight.copy_(layer.weight.reshape(-1, channels, rows, columns))
        if convolution.bias is not None:
            convolution.bias.copy_(layer.bias)
    return convolution
