"""What a network costs is counted, timed in turns, and compared."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from akitsu.deploy.benchmark import measure, model_file
from akitsu.deploy.counting import count
from akitsu.deploy.figures import pareto_front
from akitsu.deploy.timing import Latency, interleaved
from akitsu.errors import DataError, ModelFileError


@pytest.fixture
def convolution(tmp_path):
    """(1, 3, 8, 8) through 3 x 3 weights to 4 channels, and a ReLU."""
    weights = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    inside = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])
    outside = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 4, 8, 8])
    graph = helper.make_graph(nodes, "g", [inside], [outside], initializer=[weights])
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_a_convolution_s_costs_follow_from_its_shape():
    figures = count(nn.Conv2d(3, 4, 3, padding=1), torch.zeros(2, 3, 8, 8))

    assert figures.parameters == 4 * 3 * 9 + 4
    assert figures.macs == 2 * 4 * 8 * 8 * 27
    assert figures.peak_activation_bytes == 4 * 2 * 8 * 8 * (3 + 4)


def test_a_result_in_place_takes_no_memory_of_its_own():
    convolution = nn.Conv2d(3, 4, 3, padding=1)
    images = torch.zeros(1, 3, 8, 8)
    in_place = count(nn.Sequential(convolution, nn.ReLU(inplace=True)), images)
    beside = count(nn.Sequential(convolution, nn.ReLU()), images)

    assert beside.peak_activation_bytes - in_place.peak_activation_bytes == 4 * 4 * 8 * 8


def test_a_file_costs_what_its_network_does(convolution):
    subject = model_file(convolution, name="m", batch=2, input_hw=None, threads=1)

    assert subject.figures.parameters == 4 * 3 * 9
    assert subject.figures.macs == 2 * 4 * 8 * 8 * 27
    assert subject.input_hw == (8, 8)
    assert subject.file_bytes == convolution.stat().st_size


def test_a_file_is_timed_in_its_turns(convolution):
    subject = model_file(convolution, name="m", batch=2, input_hw=None, threads=1)
    document = measure([subject], batch=2, rounds=2, say=str)

    (row,) = document["models"]
    assert row["macs"] == 4 * 8 * 8 * 27
    assert row["latency"]["onnxruntime"]["calls"] >= 6
    assert row["latency"]["onnxruntime"]["best_ms"] > 0
    assert document["front"] == []


def test_a_run_without_a_model_file_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"there is no model\.onnx here; let akitsu train finish"):
        model_file(tmp_path, name="run", batch=1, input_hw=None, threads=1)


@pytest.mark.parametrize(
    "content", [b"", b"no protobuf", b"\x08\x07"], ids=["empty", "text", "no graph"]
)
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"model\.onnx"):
        model_file(path, name="m", batch=1, input_hw=None, threads=1)


def test_every_call_has_its_turn_in_every_round_after_a_warm_up():
    turns = []
    openers = {name: lambda name=name: lambda: turns.append(name) for name in "ab"}
    latencies = interleaved(openers, rounds=2, warm_up=1, most_calls=3)

    assert "".join(turns) == "aaaabbbbaaaabbbb"
    assert [len(each.seconds) for each in latencies.values()] == [6, 6]


def test_of_the_seconds_the_best_the_middle_and_the_slow_ones_are_told():
    latency = Latency(tuple(float(n) for n in range(101)))

    assert (latency.best_s, latency.median_s, latency.p95_s) == (0, 50, 95)


def test_two_equal_points_are_both_on_the_front():
    assert pareto_front([1, 1, 2], [5, 5, 5]) == [True, True, False]
