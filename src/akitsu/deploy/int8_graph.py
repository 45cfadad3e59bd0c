"""An int8 graph out of a float32 one, by onnxruntime's static quantisation where it helps.

A tensor x becomes round(x / scale) + zero in 8 bits (Jacob et al., arXiv:1712.05877, equation 1):
weights with one scale for each output channel, activations with one scale that calibration
pictures ask for. The layers between the first and the last ones with weights are computed so. The
first and the last of them, the normalisation before and the decoding behind stay in float
(docs/decisions/0019-int8.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ModelFileError, require
from akitsu.runtime.card import INPUT, METADATA_KEY, ModelCard

WITH_WEIGHTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")

# What onnxruntime computes in 8 bits on a CPU. Other operators between them, as Elu, are given
# float32 and give float32 back.
IN_INT8 = (
    *("Conv", "Gemm", "MatMul"),
    *("Add", "AveragePool", "Clip", "Concat", "Flatten", "GlobalAveragePool", "LeakyRelu"),
    *("MaxPool", "Mul", "Relu", "Reshape", "Resize", "Transpose"),
)

# Says to onnxruntime's quantisation that shapes are inferred and batch normalisation is folded,
# which the exporter has done.
PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")


@dataclass(frozen=True)
class Layers:
    """Names of nodes with weights: which are computed in 8 bits, and which in float."""

    int8: list[str]
    float32: list[str]


def write_int8_graph(
    source: Path, path: Path, *, card: ModelCard, inputs: Iterable[NDArray[np.uint8]]
) -> Layers:
    """Write a float32 model file's graph once more with 8 bits in its middle.

    Args:
        source: A model file in float32.
        path: The new file.
        card: Goes into its metadata.
        inputs: Calibration pictures (B, rows, columns, C), fitted into the model's input.

    Raises:
        ModelFileError: If the graph is in 8 bits already, or has no layer between its first and
            its last.
        MissingExtraError: If the package `onnx` is not installed.
    """
    require("onnx", extra="train", purpose="writing an int8 model file")
    import onnx
    from onnxruntime import quantization

    model = onnx.load(source)
    _refuse_int8(model, source)
    layers, chosen = _choose(model.graph, card.model)
    del model.graph.value_info[:]  # the exporter's shapes are inferred again
    entry = model.metadata_props.add()
    entry.key, entry.value = PREPARED
    quantization.quantize_static(
        model,
        path,
        _reader(inputs),
        nodes_to_quantize=chosen,
        op_types_to_quantize=list(IN_INT8),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        # A CPU with AVX2 but without VNNI adds two products in 16 bits, which overflow if weights
        # have all of their 8 bits: 2 points of mAP50 on bccd.
        reduce_range=True,
    )
    write_card(path, card)
    return layers


def write_card(path: Path, card: ModelCard) -> None:
    """Put a card into an ONNX file in place of all other metadata."""
    import onnx

    model = onnx.load(path)
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    model.producer_name, model.producer_version = "akitsu", ""
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _refuse_int8(model: Any, where: Path) -> None:
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ModelFileError(
            "this file is in int8 already", where=where, do="begin from the run, or its model.onnx"
        )


def _choose(graph: Any, where: str) -> tuple[Layers, list[str]]:
    """The layers of a graph, and the names of all nodes that shall be computed in 8 bits."""
    nodes = list(graph.node)  # ONNX orders them: no node stands before what it reads
    before = _beyond(nodes, giving="output", taking="input")
    behind = _beyond(nodes[::-1], giving="input", taking="output")
    between = [node.name for node in nodes if node.name in before & behind]
    chosen = [node.name for node in nodes if node.name in between and node.op_type in IN_INT8]
    weighted = [node for node in nodes if node.op_type in WITH_WEIGHTS]
    layers = Layers(
        [node.name for node in weighted if node.name in chosen],
        [node.name for node in weighted if node.name not in chosen],
    )
    if not layers.int8:
        raise ModelFileError(
            "this network has no layer with weights between its first and its last, which stay "
            "in float32",
            where=where,
            do="use its model file as it is",
        )
    return layers, chosen


def _beyond(nodes: list[Any], *, giving: str, taking: str) -> set[str]:
    """Names of the nodes that a layer with weights leads to, seen in the order of `nodes`."""
    led_to: set[str] = set()
    names: set[str] = set()
    for node in nodes:
        is_beyond = not led_to.isdisjoint(getattr(node, taking))
        if is_beyond:
            names.add(node.name)
        if is_beyond or node.op_type in WITH_WEIGHTS:
            led_to.update(name for name in getattr(node, giving) if name)
    return names


def _reader(inputs: Iterable[NDArray[np.uint8]]) -> Any:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        """Hands the pictures over one by one."""

        def __init__(self) -> None:
            self.left = iter(inputs)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            batch = next(self.left, None)
            return None if batch is None else {INPUT: batch}

    return Reader()
