"""A network on paper: the graph that autograd recorded, and a table of layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

# "ConvolutionBackward0" is the derivative of a convolution.
DERIVATIVE = re.compile(r"(Backward)?\d*$")
WIDEST = 48  # letters of a column


@dataclass(frozen=True)
class Layer:
    """A module as it was called.

    Attributes:
        name: Its path in the network, as in `state_dict`.
        kind: Its class.
        shape: Of its output, or of what it held; empty where it gave no tensor.
        parameters: Its own, those of modules inside it not counted.
    """

    name: str
    kind: str
    shape: str
    parameters: int


def dot(loss: Tensor, names: Mapping[int, str]) -> str:
    """The graph behind a scalar, in Graphviz's language (https://graphviz.org/doc/info/lang.html).

    Boxes are operations with the shape of their output, ellipses are parameters with name and
    shape; arrows go the way of the forward pass. The graph is the one by which gradients are
    computed: what needs none (input pictures, labels, buffers, frozen parameters and what is
    computed from these alone) is not in it.

    Args:
        loss: With its graph.
        names: Of the parameters, by `id`.
    """
    lines = ["digraph network {", '  node [fontname="sans-serif", fontsize=10];']
    numbers = {loss.grad_fn: 0}
    waiting = [loss.grad_fn]
    for node in waiting:  # it grows on the way: a deep network would be too deep to recurse
        lines.append(f"  n{numbers[node]} [{_look(node, names)}];")
        for source in _sources(node):
            if source not in numbers:
                numbers[source] = len(numbers)
                waiting.append(source)
            lines.append(f"  n{numbers[source]} -> n{numbers[node]};")
    return "\n".join([*lines, "}", ""])


def table(layers: list[Layer], model: nn.Module) -> str:
    """The layers in the order in which they ended, and how many numbers there are to learn."""
    header = ("layer", "kind", "output", "parameters")
    rows = [(each.name, each.kind, each.shape, f"{each.parameters:,}") for each in layers]
    widths = [min(WIDEST, max(map(len, column))) for column in zip(header, *rows, strict=True)]
    lines = [_row(row, widths) for row in (header, *rows)]
    lines.insert(1, "  ".join("-" * width for width in widths))
    total = sum(each.numel() for each in model.parameters())
    learning = sum(each.numel() for each in model.parameters() if each.requires_grad)
    held = sum(each.numel() * each.element_size() for each in model.state_dict().values())
    lines += [
        "",
        f"{total:,} parameters, {learning:,} of them learn; {held / 1e6:,.2f} MB with all buffers",
        "",
    ]
    return "\n".join(lines)


def described(output: Any) -> str:
    """The shapes in an output: "2 x 10", or "(2 x 10, 2 x 4)"."""
    if isinstance(output, Tensor):
        return " x ".join(map(str, output.shape)) or "scalar"
    if isinstance(output, Mapping):
        return "{" + ", ".join(f"{key}: {described(each)}" for key, each in output.items()) + "}"
    if isinstance(output, list | tuple):
        return "(" + ", ".join(described(each) for each in output) + ")"
    return ""


def _look(node: Any, names: Mapping[int, str]) -> str:
    variable = getattr(node, "variable", None)
    if variable is not None:
        words = [names.get(id(variable), "a tensor"), described(variable)]
        return f'label="{_quoted(words)}", shape=ellipse, style=filled, fillcolor="#DDEEFF"'
    kind = DERIVATIVE.sub("", node.name().rpartition("::")[2])
    # PyTorch keeps what it knows of an operation's output under this name, for its own checks.
    shapes = [" x ".join(map(str, each.shape)) or "scalar" for each in _metadata(node)]
    return f'label="{_quoted([kind, ", ".join(shapes)])}", shape=box'


def _metadata(node: Any) -> list[Any]:
    return list(getattr(node, "_input_metadata", []))


def _sources(node: Any) -> list[Any]:
    return [source for source, _ in node.next_functions if source is not None]


def _quoted(words: list[str]) -> str:
    escaped = [word.replace("\\", "\\\\").replace('"', '\\"') for word in words if word]
    return "\\n".join(escaped)


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    *texts, number = cells
    shown = [f"{text:<{width}}" for text, width in zip(texts, widths, strict=False)]
    return "  ".join([*shown, f"{number:>{widths[-1]}}"])
