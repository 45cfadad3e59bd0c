"""The benchmark of the detectors: what it calls too slow, where it cuts, and what the page says."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from akitsu.deploy.timing import Latency
from tests.benchmarks.conftest import BENCHMARKS
from tests.deploy.colour_network import write

RESULTS = BENCHMARKS.parent / "docs/results"


def document(*, whole=1.05, int8=2.4, seconds=0.3):
    own = {
        "median_ms": {"akitsu": 21.0, "onnxruntime": 20.0, "onnxruntime int8": 8.3, "torch": 50.0},
        "ratios": {"whole_call": whole, "int8_speed": int8},
    }
    loss = {"metric": "map50", "difference": {"value": -0.004, "low": -0.01, "high": 0.001}}
    start = {"seconds": seconds, "megabytes": 100.0}
    return {
        "frame_hw": [480, 640],
        "detectors": [
            {"name": "lite", "weights": "trained", "int8_loss": loss, "threads": {"1": own}}
        ],
        "peer": {"name": "Peer", "version": "8.9", "input_hw": [256, 320], "median_ms": {"1": 30}},
        "start": {"akitsu float32": start, "akitsu int8": start},
        "left_out": ["Another: no --darknet."],
        "complaints": [],
        "environment": {"vnni": False},
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"whole": 1.101}, ["lite, threads: 1: the whole call takes 1.101 bare graphs."]),
        ({"int8": 1.99}, ["lite, threads: 1: int8 is 1.99 times as fast as float32."]),
        (
            {"seconds": 0.36},
            [
                "float32, first result: 0.36 seconds, allowed 0.35.",
                "int8, first result: 0.36 seconds, allowed 0.35.",
            ],
        ),
    ],
)
def test_what_is_above_a_limit_is_said(program, changes, said):
    assert program("detect").complaints(document(**changes)) == said


def test_ratios_are_those_of_medians_of_the_same_threads(program, monkeypatch, tmp_path):
    detect = program("detect")
    card = SimpleNamespace(card=SimpleNamespace(input_hw=(12, 16)))
    monkeypatch.setattr(detect, "Recognizer", lambda _: CountingNothing(card.card))
    seconds = {"akitsu": 0.022, "onnxruntime": 0.02, "onnxruntime int8": 0.008, "akitsu int8": 0.01}
    timed = {
        ("lite", way, threads): Latency((each / threads, each / threads, 9.0))
        for way, each in seconds.items()
        for threads in (1, 2)
    }
    lite = SimpleNamespace(name="lite", path="", weights="random", int8_loss=None)

    own = detect.summary(lite, timed, np.zeros((4, 4, 3), np.uint8))["threads"]

    ratios = {"whole_call": 1.1, "int8_speed": 2.5, "whole_call_int8": 1.25}
    assert own["1"]["ratios"] == own["2"]["ratios"] == ratios
    assert own["2"]["median_ms"]["akitsu"] == 11.0


class CountingNothing:
    """A recognizer that finds nothing."""

    def __init__(self, card):
        self.card = card

    def __call__(self, frame):
        return []


def test_opencv_gets_the_layers_with_weights_and_what_lies_between(program, tmp_path):
    networks = program("detect_networks")

    middle, shape = networks._convolutions(write(tmp_path / "colours.onnx"), tmp_path)

    call = networks._opencv(middle, shape, 1)
    assert shape == (1, 3, 12, 16)
    assert [output.shape for output in call()] == [(1, 3)]


def test_the_page_says_what_was_measured(program, tmp_path):
    shutil.copytree(RESULTS, tmp_path / "results")
    (tmp_path / "results/detect.json").write_text(json.dumps(document()))

    page = program("results_page").page(tmp_path / "results")

    assert "| `lite` | 1 | 21.0 ms | 20.0 ms | 1.05 | 8.3 ms | 2.4 | 50.0 ms | – |" in page
    assert "scores -0.40 points of mAP50 (-1.00 to +0.10)" in page
    assert "without VNNI" in page
    assert "Peer (8.9, exported, input 256 x 320) took 30.0 ms (threads: 1)" in page
    assert "Another: no --darknet." in page
