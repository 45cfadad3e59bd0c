"""SqueezeNet: few channels before the 3 x 3 filters, and then the file is compressed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.claims.small_digits import accuracy, learn, small_digits
from akitsu.models.classification.squeezenet import Fire, SqueezeNet, squeezenet
from akitsu.report.figures import COLOURS
from akitsu.weights.deep_compression import Coded, decode, encode, squeezenet_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, RATE = (0, 1, 2), 250, 64, 3e-3
STEM = 16
# Channels in, s and e of three fire modules; a map of 8 x 8 pixels is halved behind the first.
SMALL_FIRES = ((16, 4, 16), (32, 8, 32), (64, 8, 32))

COUNTS = {"vanilla": 1_248_424, "simple bypass": 1_248_424, "complex bypass": 1_589_672}
VERSION_1_1 = 1_235_496
ALEXNET_BYTES = 4 * 60_965_224

# As in the authors' file: a third of the weights are left, in codebooks of 256 values.
DENSITY = 0.334
FILE = Path("weights/squeezenet_v1.0_deep_compression.net")


@claim(
    "squeezenet",
    title="SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    paper="arXiv:1602.07360",
    year=2016,
    models=("squeezenet",),
    idea="the squeeze: plain 3 x 3 convolutions to as many maps stand in the fire modules' places",
    slow=True,
)
def few_channels_before_large_filters(*, idea: bool = True) -> Evidence:
    """A 3 x 3 filter costs nine weights a channel, so the channels before it are squeezed.

    A network of fire modules needs a fraction of the weights of plain 3 x 3 layers with as many
    maps, and loses little accuracy. A bypass around every other module costs no weight at all, and
    pruning, shared values and gaps of four bits make the file 300 times smaller than AlexNet.
    """
    squeezed = [_learned(seed, squeezes=idea) for seed in SEEDS]
    plain = [_learned(seed, squeezes=False) for seed in SEEDS] if idea else squeezed
    weights, more = (_count(_small(squeezes=each)) for each in (idea, False))
    thousands = weights / 1000

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        names = ["fire modules" if idea else "no squeeze", "plain 3 x 3"]
        left.bar(names, [100 * np.mean(squeezed), 100 * np.mean(plain)], color=COLOURS[:2])
        left.set_ylabel("accuracy, %")
        left.set_title(f"digits after {STEPS} steps of {BATCH}")
        right.bar(names, [weights, more], color=COLOURS[:2])
        right.set_ylabel("parameters")
        right.set_title("what it costs")

    lost = [one - other for one, other in zip(plain, squeezed, strict=True)]
    per_thousand = [100 * accuracy / thousands for accuracy in squeezed]
    return Evidence(
        (
            *_counts(),
            *_compression(),
            at_most("accuracy lost against plain 3 x 3 layers with as many maps", lost, 0.1),
            at_least("accuracy in % for every 1,000 weights", per_thousand, 8),
        ),
        draw,
        limits="The paper's 57.5 % top-1 is of ImageNet; the file of its authors is scored by "
        "`akitsu evaluate`. A plain network made narrower until it has as few weights reads these "
        "small digits as well as fire modules do: that wide maps pay is not shown here.",
    )


def _counts() -> list[Finding]:
    built = {"vanilla": "none", "simple bypass": "simple", "complex bypass": "complex"}
    with torch.device("meta"):  # shapes alone: the weights would be drawn for nothing
        models = {title: squeezenet(1000, bypass=bypass) for title, bypass in built.items()}
        newer = squeezenet(1000, version="1.1")
    simple = models["simple bypass"]
    assert isinstance(simple, SqueezeNet)
    around = [
        name
        for name, fire in simple.features.named_children()
        if isinstance(fire, Fire) and fire.bypass is not None
    ]
    return [
        *(equal(f"parameters, {title}", _count(models[title]), COUNTS[title]) for title in built),
        equal("parameters, version 1.1", _count(newer), VERSION_1_1),
        true(
            "the simple bypass goes around fire3, fire5, fire7 and fire9 and no other",
            around == ["fire3", "fire5", "fire7", "fire9"],
        ),
    ]


def _compression() -> list[Finding]:
    """Of the authors' file, where AKITSU_SHARED says where it is; else of one like it."""
    path = Path(os.environ.get("AKITSU_SHARED", "")) / FILE
    whose = "the authors' file" if path.is_file() else "a drawn file of its density"
    content = path.read_bytes() if path.is_file() else _drawn_file()
    again = encode(decode(content, squeezenet_layers(), where=FILE.name))
    return [
        true(f"decoded and encoded again, {whose} is the same byte for byte", again == content),
        at_least("AlexNet's bytes over those of the file", ALEXNET_BYTES / len(content), 300),
    ]


def _drawn_file() -> bytes:
    generator = np.random.default_rng(0)
    layers = {}
    for layer in squeezenet_layers():
        codes = generator.integers(1, 256, layer.shape).astype(np.uint8)
        codes[generator.random(layer.shape) > DENSITY] = 0
        codebook = generator.normal(size=256).astype(np.float32)
        codebook[0] = 0
        layers[layer.name] = Coded(codes, codebook, np.zeros(layer.shape[0], np.float32))
    return encode(layers)


def _small(*, squeezes: bool) -> nn.Sequential:
    """Three fire modules, or plain layers to as many maps, for 8 x 8 digits."""
    layers: list[nn.Module] = [nn.Conv2d(1, STEM, 3, padding=1), nn.ReLU()]
    for channels, squeeze, expand in SMALL_FIRES:
        if squeezes:
            layers.append(Fire(channels, squeeze, expand))
        else:
            layers += [nn.Conv2d(channels, 2 * expand, 3, padding=1), nn.ReLU()]
        if channels == STEM:
            layers.append(nn.MaxPool2d(2))
    head = nn.Conv2d(2 * SMALL_FIRES[-1][2], 10, 1)
    model = nn.Sequential(*layers, head, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return model


def _learned(seed: int, *, squeezes: bool) -> float:
    """The accuracy on 597 digits after training on the other 1,200."""
    torch.manual_seed(seed)
    model = _small(squeezes=squeezes)
    images, labels = small_digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    learn(model, images, labels, optimizer=optimizer, steps=STEPS, batch=BATCH)
    return accuracy(model, images, labels)


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
