"""The detectors that `detect.py` times, as model files, and the ways in which each can be run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from akitsu.data.generated.clutter import clutter
from akitsu.data.sample import Dataset
from akitsu.deploy.export import export
from akitsu.deploy.foreign import import_file
from akitsu.deploy.int8 import Calibration, write_int8
from akitsu.deploy.int8_graph import WITH_WEIGHTS, write_int8_graph
from akitsu.errors import AkitsuError
from akitsu.models import registry
from akitsu.recipes.finish import export_run
from akitsu.recipes.trained import Trained, read_split
from akitsu.runtime.card import INPUT, ModelCard
from akitsu.runtime.recognizer import Recognizer, prepare_inputs
from akitsu.runtime.threads import opencv
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.weights.importers import Said, find_importer

# The seed's network with its three dense layers, and torchvision's for phones.
NETWORKS = ("tiny-yolo-v1-2015", "ssdlite320_mobilenet_v3_large")
CLASSES = 20
CALIBRATION_PICTURES = 20

Opener = Callable[[int], Callable[[], object]]


@dataclass
class Detector:
    """One detector as two model files and as a network of PyTorch.

    Attributes:
        name: For the table.
        weights: "trained", "the authors'" or "random".
        path: The file in float32.
        network: The same in PyTorch.
        int8: The file in int8, or None with a sentence in `left_out`.
        int8_loss: Of a trained one: the deciding score's difference.
    """

    name: str
    weights: str
    path: Path
    network: Network
    int8: Path | None = None
    int8_loss: dict[str, Any] | None = None


def detectors(
    trained: Trained,
    scratch: Path,
    *,
    data: Path | None,
    darknet: Path | None,
    names: list[str] | None,
) -> tuple[list[Detector], list[str]]:
    """All that there are, and a sentence for each that there is not."""
    splits = trained.recipe.data
    training = read_split(trained.recipe, splits.train, data=data)
    validation = read_split(trained.recipe, splits.validation, data=data)
    found, left_out = [_of_run(trained, scratch, training, validation, data)], []
    makers: dict[str, Callable[[], Detector]] = {
        name: lambda name=name: _registered(name, scratch)
        for name in (NETWORKS if names is None else names)
    }
    if darknet is None:
        left_out.append("YOLO-Fastest: no --darknet.")
    else:
        makers[darknet.stem] = lambda: _darknet(darknet, scratch)
    for name, make in makers.items():
        try:
            detector = make()
            _to_int8(detector, training, scratch)
            found.append(detector)
        except AkitsuError as error:
            left_out.append(f"{name}: {error}")
    return found, left_out


def _of_run(
    trained: Trained, scratch: Path, training: Dataset, validation: Dataset, data: Path | None
) -> Detector:
    name = trained.recipe.model.name
    path, int8 = scratch / f"{name}.onnx", scratch / f"{name}-int8.onnx"
    export_run(trained, path, data=data)
    outcome = write_int8(
        path,
        int8,
        training=training,
        validation=validation,
        calibration=Calibration(most_loss=100),
    )
    stated = outcome.card.quantisation["loss"]
    return Detector(name, "trained", path, trained.network, int8, stated)


def _registered(name: str, scratch: Path) -> Detector:
    torch.manual_seed(0)
    size = registry.entry(name, task="detection").options().get("input_hw") or (320, 320)
    model = registry.build(name, CLASSES, in_channels=3, input_hw=tuple(size))
    task = make_task("detection", {})
    network = Network(model, task, mean=[0.5] * 3, std=[0.25] * 3).eval()
    classes = tuple(f"class {number}" for number in range(CLASSES))
    card = ModelCard(
        task="detection", model=name, classes=classes, input_hw=tuple(size), channels=3
    )
    path = scratch / f"{name}.onnx"
    generator = np.random.default_rng(0)
    pictures = [clutter(generator, hw).astype(np.uint8) for hw in ((240, 320), (300, 200))]
    export(network, path, card=card, pictures=pictures)
    return Detector(name, "random", path, network)


def _darknet(cfg: Path, scratch: Path) -> Detector:
    said = Said(weights=cfg.with_suffix(".weights"))
    path = scratch / f"{cfg.stem}.onnx"
    import_file(cfg, path, said=said)
    loaded = find_importer(cfg).load(cfg, said)
    task = make_task("detection", {})
    network = Network(loaded.model, task, mean=loaded.mean, std=loaded.std).eval()
    return Detector(cfg.stem, "the authors'", path, network)


def _to_int8(detector: Detector, training: Dataset, scratch: Path) -> None:
    """For its speed alone: these networks have no pictures of their own to be scored on."""
    card = Recognizer(detector.path).card
    drawn = Calibration(CALIBRATION_PICTURES).draw(training)
    inputs = (prepare_inputs([training[index].image], card=card)[0] for index in drawn)
    path = scratch / f"{detector.path.stem}-int8.onnx"
    write_int8_graph(detector.path, path, card=card, inputs=inputs)
    detector.int8 = path


def ways(
    detector: Detector, frame: np.ndarray, scratch: Path
) -> tuple[dict[str, Opener], list[str]]:
    """By name, what makes a call with so many threads ready; and what could not be had."""
    card = Recognizer(detector.path).card
    inputs, _ = prepare_inputs([frame], card=card)
    made = {
        "akitsu": lambda threads: _akitsu(detector.path, frame, threads),
        "onnxruntime": lambda threads: _onnxruntime(detector.path, inputs, threads),
        "torch": lambda threads: _torch(detector.network, inputs, threads),
    }
    if (int8 := detector.int8) is not None:
        made["akitsu int8"] = lambda threads: _akitsu(int8, frame, threads)
        made["onnxruntime int8"] = lambda threads: _onnxruntime(int8, inputs, threads)
    try:
        middle, size = _convolutions(detector.path, scratch)
        call = _opencv(middle, size, 1)
        call()
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        return made, [f"{detector.name} in OpenCV dnn: {first}"]
    made["OpenCV dnn"] = lambda threads: _opencv(middle, size, threads)
    return made, []


def _akitsu(path: Path, frame: np.ndarray, threads: int) -> Callable[[], object]:
    opencv().setNumThreads(threads)
    recognizer = Recognizer(path, threads=threads)
    return lambda: recognizer(frame)


def _onnxruntime(path: Path, inputs: np.ndarray, threads: int) -> Callable[[], object]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {INPUT: inputs})


def _torch(network: Network, inputs: np.ndarray, threads: int) -> Callable[[], object]:
    torch.set_num_threads(threads)
    return lambda: network.predict_inputs(inputs)


def _opencv(path: Path, shape: tuple[int, ...], threads: int) -> Callable[[], object]:
    cv2 = opencv()
    cv2.setNumThreads(threads)
    net = cv2.dnn.readNetFromONNX(str(path))
    blob = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    names = net.getUnconnectedOutLayersNames()

    def call() -> object:
        net.setInput(blob)
        return net.forward(names)

    return call


def _convolutions(path: Path, scratch: Path) -> tuple[Path, tuple[int, ...]]:
    """The graph between its normalisation and its decoding for one picture, shapes folded."""
    import onnx
    import onnxruntime
    from onnx.utils import Extractor

    card = Recognizer(path).card
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]
    whole = scratch / f"{path.stem}-1.onnx"
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(whole)
    options.log_severity_level = 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    model = onnx.shape_inference.infer_shapes(onnx.load(whole))
    weighted = [node for node in model.graph.node if node.op_type in WITH_WEIGHTS]
    read = {name for node in weighted for name in _upstream(model.graph, node)}
    ends = [node.output[0] for node in weighted if node.output[0] not in read]
    start = weighted[0].input[0]
    middle = scratch / f"{path.stem}-middle.onnx"
    onnx.save(Extractor(model).extract_model([start], ends), middle)
    return middle, (1, card.channels, *card.input_hw)


def _upstream(graph: Any, node: Any) -> set[str]:
    """Names of all values that a node depends on."""
    makers = {name: each for each in graph.node for name in each.output}
    waiting, seen = list(node.input), set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += makers[name].input if name in makers else []
    return seen
