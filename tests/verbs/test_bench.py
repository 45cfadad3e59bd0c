"""The verb `bench` as a person types it."""

from __future__ import annotations

import json

from akitsu.cli import run
from tests.runtime.onnx_files import card, write

SMALL = ["--rounds", "1", "--threads", "1"]


def test_a_network_and_a_file_stand_in_one_table_with_a_picture(tmp_path, capfd):
    model = write(tmp_path / "model.onnx", card("classification"))
    line = ["bench", "digit-cnn", str(model), *SMALL, "--output", str(tmp_path / "out")]

    assert run(line) == 0
    shown = capfd.readouterr().out
    assert run([*line, "--json"]) == 2
    assert "add --force" in capfd.readouterr().err
    assert run([*line, "--force", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)

    assert "digit-cnn" in shown
    assert [row["kind"] for row in document["models"]] == ["registered", "file"]
    assert list(document["models"][0]["latency"]) == ["torch"]
    assert list(document["models"][1]["latency"]) == ["onnxruntime"]
    assert document["environment"]["threads"] == 1
    assert json.loads((tmp_path / "out/bench.json").read_text()) == document
    assert (tmp_path / "out/bench.png").read_bytes().startswith(b"\x89PNG")


def test_a_registered_network_can_be_timed_in_both_programs(tmp_path, capfd):
    line = ["bench", "digit-fast", "--input-hw", "28", "28", "--onnx", *SMALL, "--json"]

    assert run([*line, "--output", str(tmp_path)]) == 0

    (row,) = json.loads(capfd.readouterr().out)["models"]
    assert set(row["latency"]) == {"torch", "onnxruntime"}
    assert all(each["median_ms"] > 0 for each in row["latency"].values())


def test_what_is_no_model_is_a_sentence_and_leaves_nothing(tmp_path, capfd):
    out = ["--output", str(tmp_path / "out")]

    assert run(["bench", "resnet81", *out]) == 2
    assert "there is no model 'resnet81'; write resnet18." in capfd.readouterr().err
    assert run(["bench", *out]) == 2
    assert "name one, or say --all" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
