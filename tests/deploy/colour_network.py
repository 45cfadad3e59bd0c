"""A small network with planted weights that names the brightest colour, and its pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from akitsu.data.sample import Sample
from akitsu.runtime.card import METADATA_KEY, ModelCard

COLOURS = ("red", "green", "blue")
CARD = ModelCard(
    task="classification", model="colours", classes=COLOURS, input_hw=(12, 16), channels=3
)


def write(path: Path, *, loud: float = 0.0, middle: bool = True) -> Path:
    """Convolutions that hand three colours on, and a dense layer that tells them apart.

    Args:
        path: The model file.
        loud: So many times as large as the colours is a fourth map, which nobody listens to.
        middle: False leaves only the first and the last layer.
    """
    through = np.eye(4, dtype=np.float32)[:, :, None, None]
    first = through[:, :3].copy()
    first[3] = loud
    weights = {"first": first, "second": through, "third": through}
    weights["last"] = np.eye(4, 3, dtype=np.float32) * 8
    weights |= {"scale": np.float32([1 / 255]), "flat": np.int64([0, -1])}
    nodes = [
        ("Cast", ["images"], "floats", {"to": TensorProto.FLOAT}),
        ("Mul", ["floats", "scale"], "shares", {}),
        ("Transpose", ["shares"], "chw", {"perm": [0, 3, 1, 2]}),
        ("Conv", ["chw", "first"], "one", {}),
        ("Relu", ["one"], "one+", {}),
    ]
    if middle:
        nodes += [
            ("Conv", ["one+", "second"], "two", {}),
            ("Relu", ["two"], "two+", {}),
            ("Conv", ["two+", "third"], "three", {}),
            ("Relu", ["three"], "three+", {}),
        ]
    nodes += [
        ("GlobalAveragePool", [nodes[-1][2]], "pooled", {}),
        ("Reshape", ["pooled", "flat"], "means", {}),
        ("Gemm", ["means", "last"], "logits", {}),
        ("Softmax", ["logits"], "probabilities", {"axis": 1}),
    ]
    graph = helper.make_graph(
        [helper.make_node(kind, read, [out], name=out, **more) for kind, read, out, more in nodes],
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["B", *CARD.input_hw, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["B", 3])],
        initializer=[numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: CARD.to_json()})
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path


class Pictures:
    """Noise in which one colour is brighter; remembers which pictures were asked for."""

    classes = list(COLOURS)

    def __init__(self, count: int, *, seed: int, name: str = "picture") -> None:
        self.generator = np.random.default_rng(seed)
        self.asked: list[int] = []
        self.samples = [self._sample(f"{name} {index}", index % 3) for index in range(count)]

    def _sample(self, name: str, label: int) -> Sample:
        image = self.generator.integers(0, 156, (12, 16, 3)).astype(np.uint8)
        image[..., label] += 100
        return Sample(image, name, label=label)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        self.asked.append(index)
        return self.samples[index]
