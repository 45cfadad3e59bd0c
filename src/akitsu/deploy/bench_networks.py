"""Registered networks made ready to be measured: fresh weights, since time does not depend on them.

Known accuracies are those of torchvision's first ImageNet weights, as their metadata tells them.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from akitsu.deploy.benchmark import Subject
from akitsu.deploy.counting import count
from akitsu.deploy.onnx_cost import inputs_for, session_of
from akitsu.deploy.timing import Call
from akitsu.models import registry

SIDE, SIDE_OF_INCEPTION = 224, 299
CLASSES = 1000


def network(
    name: str, *, batch: int, input_hw: tuple[int, int] | None, threads: int, to_onnx: bool
) -> Subject:
    """A registered network with 1000 classes; it is built anew for every turn.

    Args:
        name: In the registry.
        batch: Pictures at once.
        input_hw: None takes what the network is made for.
        threads: For onnxruntime; PyTorch's are set by the caller.
        to_onnx: Time it in onnxruntime as well.

    Raises:
        RecipeError: If there is none of this name.
        ShapeError: If the pictures are too small for it.
    """
    size = input_hw or native_hw(name)
    images = torch.rand(batch, 3, *size).to(memory_format=torch.channels_last)

    def make() -> nn.Module:
        model = registry.build(name, CLASSES, in_channels=3, input_hw=size)
        return model.eval().to(memory_format=torch.channels_last)

    def eager() -> Call:
        model = make()

        def call() -> object:
            with torch.inference_mode():
                return model(images)

        return call

    model = make()
    figures = count(model, images)
    file_bytes = sum(each.numel() * each.element_size() for each in model.state_dict().values())
    openers: dict[str, Callable[[], Call]] = {"torch": eager}
    if to_onnx:
        content = _onnx(model, images)
        file_bytes = len(content)

        def exported() -> Call:
            where = Path(f"{name}.onnx")
            session = session_of(content, where=where, threads=threads)
            inputs = inputs_for(session, batch=batch, input_hw=size, where=where)
            return lambda: session.run(None, inputs)

        openers["onnxruntime"] = exported
    top1, weights = known_top1(name)
    return Subject(name, "registered", size, figures, file_bytes, openers, top1, weights)


def native_hw(name: str) -> tuple[int, int]:
    """The size that a network is made for: its own default, or ImageNet's 224 pixels."""
    entry = registry.entry(name)
    default = entry.options().get("input_hw")
    if default is not None:
        return int(default[0]), int(default[1])
    side = SIDE_OF_INCEPTION if name == "inception_v3" else SIDE
    return side, side


def known_top1(name: str) -> tuple[float | None, str | None]:
    """Top-1 accuracy in percent on ImageNet and the weights that have it, where they are known."""
    if registry.entry(name).library != "torchvision":
        return None, None
    from torchvision.models import get_model_weights

    first = next(iter(get_model_weights(name)))
    return float(first.meta["_metrics"]["ImageNet-1K"]["acc@1"]), str(first)


def _onnx(model: nn.Module, images: torch.Tensor) -> bytes:
    with warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory() as folder:
        program = torch.onnx.export(model, (images,), dynamo=True, verbose=False)
        assert program is not None
        path = Path(folder) / "model.onnx"
        program.save(path, external_data=False)
        return path.read_bytes()
