"""A recipe that is scored once only, at its end."""

from __future__ import annotations

import json

import numpy as np
from safetensors.torch import load_file

from akitsu.cli import run
from akitsu.recipes import directory

ROWS, PIXELS, CLASSES = 80, 28 * 28, 10


def write_table(path):
    """A table as the digits' is: a label, and 784 pixels of noise that know it."""
    pixels = np.random.default_rng(0).integers(0, 50, (ROWS, PIXELS))
    labels = np.arange(ROWS) // 8 % CLASSES  # every eighth row validates: all classes in both
    pixels[np.arange(ROWS), labels * 70 + 35] = 255
    names = [f"pixel{number}" for number in range(PIXELS)]
    lines = [",".join(["label", *names])]
    lines += [",".join(map(str, [label, *row])) for label, row in zip(labels, pixels, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_run_that_is_never_evaluated_exports_its_last_weights(tmp_path):
    out = tmp_path / "run"
    line = ["train", "digits-fast", "--data", write_table(tmp_path / "train.csv")]
    line += ["--out", str(out), "--set", "stop=[3, iteration]", "--set", "batch_size=16"]

    assert run(line) == 0

    last = load_file(out / "final.safetensors")
    kept = load_file(out / directory.WEIGHTS)
    assert last.keys() == kept.keys()
    assert all((last[name] == kept[name]).all() for name in last)
    rows = [json.loads(row) for row in (out / "log.jsonl").read_text().splitlines()]
    assert rows
    assert not any(key.startswith("validation/") for row in rows for key in row)
    assert (out / directory.MODEL).is_file()


def test_patience_without_scores_is_refused(tmp_path, capfd):
    line = ["train", "digits-fast", "--data", str(tmp_path), "--out", str(tmp_path / "run")]

    assert run([*line, "--set", "extensions.patience=2"]) == 2

    assert "extensions.patience" in capfd.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_search_judges_such_runs_by_their_last_score(tmp_path):
    line = ["tune", "digits-fast", "--data", write_table(tmp_path / "train.csv"), "--trials", "2"]
    line += ["--out", str(tmp_path / "study"), "--set", "stop=[3, iteration]"]

    assert run([*line, "--set", "batch_size=16"]) == 0

    trials = json.loads((tmp_path / "study" / "study.json").read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["complete", "complete"]
    for number, trial in enumerate(trials):
        metrics = json.loads((tmp_path / f"study/trials/{number}" / directory.METRICS).read_text())
        assert trial["value"] == metrics["metrics"]["accuracy"]["value"]
        assert trial["scores"] == []
