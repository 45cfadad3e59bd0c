"""Dense connections: every layer reads all earlier ones, and deep thin networks learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.claims.small_digits import learn, small_digits
from akitsu.models.classification.densenet import (
    Composite,
    DenseBlock,
    DenseLayer,
    cifar_densenet,
)
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, RATE = (0, 1), 60, 32, 0.1
DEPTH, GROWTH = 40, 4
LAST = 20  # steps over whose mean a loss is taken
COMPRESSED = {"bottleneck": True, "compression": 0.5}
PARAMETERS = {
    "40 layers, k = 12": (1_019_722, {"depth": 40}),
    "100 layers, k = 12": (6_979_642, {"depth": 100}),
    "BC, 100 layers, k = 12": (769_162, {"depth": 100, **COMPRESSED}),
    "BC, 250 layers, k = 24": (15_324_406, {"depth": 250, "growth": 24, **COMPRESSED}),
}
CHAIN_WIDTH = 24  # of as many layers: more parameters than the dense network has
LOOKED_AT = 8  # layers of the block whose gradients are drawn


@claim(
    "densenet",
    title="Densely Connected Convolutional Networks",
    paper="arXiv:1608.06993",
    year=2017,
    models=("cifar-densenet",),
    idea="the concatenation: each layer reads the layer before it alone",
    slow=True,
)
def dense_connections(*, idea: bool = True) -> Evidence:
    """Layers that read all earlier maps may be thin: four new maps each are enough at 40 layers.

    The gradient reaches every layer without a detour. Layers in a chain, as many and so wide that
    they have more parameters in all, hardly learn in the same time.
    """
    learned = [_curve(seed, chain=not idea) for seed in SEEDS]
    chains = [_curve(seed, chain=True) for seed in SEEDS] if idea else learned
    flows, held = _flows(chain=not idea), _holds_all(chain=not idea)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
        _draw_flows(left, flows)
        kinds = {"dense" if idea else "chain": learned} | {"chain": chains}
        for (name, curves), colour in zip(kinds.items(), COLOURS, strict=False):
            for number, losses in enumerate(curves):
                right.plot(losses, color=colour, label=name if number == 0 else None)
        right.set(xlabel="step", ylabel="training loss", title=f"{DEPTH} layers")
        right.legend()

    return Evidence(
        (
            *_counts(),
            true("a block's output holds each earlier map, bit for bit", held),
            equal("pairs of layers without a gradient", _cut_pairs(flows), 0),
            *_checkpointed(),
            at_least("training loss of a chain with more parameters", _ends(chains), 1.0),
            at_most(f"training loss of {DEPTH} layers, k = {GROWTH}", _ends(learned), 0.3),
        ),
        draw,
        limits=f"Digits of 8 x 8 pixels and {STEPS} steps: how soon a network learns, and not how "
        "well it reads new pictures in the end.",
    )


class Chain(nn.Module):
    """As many layers as a dense block, of which each reads the one before it alone."""

    def __init__(self, layers: int, in_channels: int, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            Composite(width if number else in_channels, width, 3) for number in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, width, H, W)."""
        for layer in self.layers:
            x = layer(x)
        return x


def _network(*, chain: bool) -> nn.Module:
    """(B, 1, H, W) to (B, 10) logits; the chain has the dense network's stem, pooling and end."""
    if not chain:
        return cifar_densenet(10, 1, depth=DEPTH, growth=GROWTH)
    layers = (DEPTH - 4) // 3 + 1  # a transition's convolution becomes one more layer
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1, bias=False),
        Chain(layers, 16, CHAIN_WIDTH),
        nn.AvgPool2d(2),
        Chain(layers, CHAIN_WIDTH, CHAIN_WIDTH),
        nn.AvgPool2d(2),
        Chain(layers - 1, CHAIN_WIDTH, CHAIN_WIDTH),
        nn.BatchNorm2d(CHAIN_WIDTH),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(CHAIN_WIDTH, 10),
    )
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return model


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _curve(seed: int, *, chain: bool) -> list[float]:
    """The training loss of each step on 1,200 small digits."""
    torch.manual_seed(seed)
    model = _network(chain=chain)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, nesterov=True)
    images, labels = small_digits()
    return learn(model, images, labels, optimizer=optimizer, steps=STEPS, batch=BATCH)


def _ends(curves: list[list[float]]) -> list[float]:
    return [sum(losses[-LAST:]) / LAST for losses in curves]


def _counts() -> list[Finding]:
    findings = []
    for name, (wanted, options) in PARAMETERS.items():
        with torch.device("meta"):
            counted = _parameters(cifar_densenet(10, **options))  # type: ignore[arg-type]
        findings.append(equal(f"parameters, {name}, 10 classes", counted, wanted))
    return findings


def _block() -> DenseBlock:
    torch.manual_seed(0)
    return DenseBlock(LOOKED_AT, 8, 4, bottleneck=False, memory_efficient=False)


def _holds_all(*, chain: bool) -> bool:
    """Whether the input and what every layer gave are slices of the block's output."""
    torch.manual_seed(0)
    block = Chain(LOOKED_AT, 8, 4) if chain else _block()
    given = [torch.randn(2, 8, 6, 6)]
    for layer in block.layers:
        layer.register_forward_hook(lambda _layer, _read, output: given.append(output))
    output = block(given[0])
    return torch.equal(output, torch.cat(given, 1))


def _flows(*, chain: bool) -> Tensor:
    """How much each layer's output moves with each map before it, the other maps held still.

    Returns:
        (L, L): row l is layer l + 1, column j the block's input (0) or the output of layer j; mean
        absolute gradient.
    """
    flows = torch.zeros(LOOKED_AT, LOOKED_AT)
    maps = [torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))]
    for row, layer in enumerate(_block().layers):
        read = [each.detach().requires_grad_() for each in maps]
        if chain:  # what is not read is as if it were cut off
            heard = [each if place == row else 0 * each.detach() for place, each in enumerate(read)]
            output = layer(heard)
        else:
            output = layer(read)
        gradients = torch.autograd.grad(output.square().sum(), read, allow_unused=True)
        for column, gradient in enumerate(gradients):
            flows[row, column] = 0.0 if gradient is None else gradient.abs().mean()
        maps.append(output)
    return flows


def _cut_pairs(flows: Tensor) -> int:
    lower = torch.tril(torch.ones_like(flows)).bool()
    return int((flows[lower] == 0).sum())


def _checkpointed() -> list[Finding]:
    """The network that computes its concatenations anew, beside the one that keeps them."""
    networks, saved, answers = [], [], []
    for memory_efficient in (False, True):
        torch.manual_seed(0)
        network = cifar_densenet(
            10, depth=40, growth=8, bottleneck=True, memory_efficient=memory_efficient
        )
        images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
        answer, held = _kept_bytes(network, images)
        answer.square().sum().backward()  # type: ignore[no-untyped-call]
        networks.append(network)
        saved.append(held)
        answers.append(answer)
    gradients = [_flat([p.grad for p in network.parameters()]) for network in networks]
    statistics = [_flat(list(network.buffers())) for network in networks]
    apart = (gradients[0] - gradients[1]).abs().max() / gradients[0].abs().max()
    same = torch.equal(answers[0], answers[1]) and torch.equal(statistics[0], statistics[1])
    return [
        true("checkpointed: the same answers and running statistics, bit for bit", same),
        at_most("checkpointed: greatest difference of the gradients", float(apart), 1e-5),
        at_most("checkpointed: bytes kept for the way back", saved[1] / saved[0], 0.6),
    ]


def _flat(tensors: list[Tensor | None]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors if tensor is not None])


def _kept_bytes(network: nn.Module, images: Tensor) -> tuple[Tensor, int]:
    """The logits, and the bytes of all storages that the backward pass will need.

    A checkpoint keeps what its layer read, of which the hooks are not told: it is added.
    """
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    for layer in network.modules():
        if isinstance(layer, DenseLayer) and layer.memory_efficient:
            layer.register_forward_hook(lambda _layer, read, _output: kept.extend(read[0]))
    with saved_tensors_hooks(keep, lambda tensor: tensor):
        logits: Tensor = network(images)
    weights = {parameter.untyped_storage().data_ptr() for parameter in network.parameters()}
    storages = {each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in kept}
    return logits, sum(size for place, size in storages.items() if place not in weights)


def _draw_flows(axes: Axes, flows: Tensor) -> None:
    """Which layer hears which: rows read, columns are read."""
    shown = torch.where(flows > 0, flows, torch.nan)
    image = axes.imshow(shown.numpy(), cmap="viridis", vmin=0)
    axes.figure.colorbar(image, ax=axes, label="mean of absolute values", shrink=0.8)
    names = ["in", *(str(layer) for layer in range(1, LOOKED_AT))]
    axes.set_xticks(range(LOOKED_AT), names)
    axes.set_yticks(range(LOOKED_AT), [str(layer) for layer in range(1, LOOKED_AT + 1)])
    axes.set(xlabel="output of layer", ylabel="read by layer", title="Gradient without a detour")
    axes.grid(visible=False)
