"""`akitsu predict … --output X.parquet` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from akitsu.bulk.rows import read_rows
from akitsu.cli import run
from tests.bulk.scenes import BROKEN, sound, write_folder
from tests.runtime import onnx_files


@pytest.fixture
def model(tmp_path):
    return str(onnx_files.write(tmp_path / "model.onnx", onnx_files.card("classification")))


@pytest.fixture
def folder(tmp_path):
    bad = {name: content for name, (content, _) in BROKEN.items()}
    return write_folder(tmp_path / "photos", {**sound(7), **bad})


def test_a_summary_says_what_was_done_and_what_is_broken(model, folder, tmp_path, capfd):
    output = tmp_path / "out.parquet"
    line = ["predict", model, str(folder), "--output", str(output)]

    assert run(line) == 0
    first = capfd.readouterr()
    assert run(line) == 0
    second = capfd.readouterr()
    assert run([*line, "--json"]) == 0

    said = "10 pictures, 3 broken (see the column error)"
    assert first.out == f"{said}: {output}\n"
    assert second.out == f"{said}: {output} was finished already; --force makes it anew\n"
    assert first.err == second.err == ""
    document = json.loads(capfd.readouterr().out)
    assert (document["pictures"], document["broken"]) == (10, 3)


def test_an_address_reaches_fsspec_as_it_was_typed(model, folder, tmp_path, capfd):
    """As a path it would have lost one of its slashes."""
    output = tmp_path / "out.parquet"

    assert run(["predict", model, folder.as_uri(), "--output", str(output)]) == 0

    assert len(read_rows(output)) == 10


def test_nothing_but_broken_pictures_is_a_mistake(model, tmp_path, capfd):
    folder = write_folder(tmp_path / "bad", {"a.png": b""})

    code = run(["predict", model, str(folder), "--output", str(tmp_path / "out.parquet")])

    assert code == 2
    assert "all 1 pictures are broken" in capfd.readouterr().err


ALONE = {
    "an engine": (["--engine", "ray"], "--engine: "),
    "workers": (["--workers", "2"], "--workers: "),
    "masks": (["--masks"], "--masks: "),
    "a retry": (["--retry-errors"], "--retry-errors: "),
    "an address": (["s3://user:hush@bucket/a.png"], "s3://***@bucket/a.png: "),
}


@pytest.mark.parametrize(("more", "told"), ALONE.values(), ids=ALONE)
def test_what_is_for_rows_alone_is_refused_elsewhere(
    model, folder, tmp_path, capfd, monkeypatch, more, told
):
    monkeypatch.chdir(tmp_path)

    code = run(["predict", model, str(folder), *more])

    said = capfd.readouterr().err
    assert code == 2
    assert said.startswith(told)
    assert said.endswith("; add --output predictions.parquet.\n")
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize("module", ["pyarrow", "fsspec"])
def test_without_the_extra_there_is_a_sentence(model, folder, tmp_path, module):
    program = (
        "import importlib.util as u, sys; find = u.find_spec;"
        f"u.find_spec = lambda name, *more: None if name == {module!r} else find(name, *more);"
        "from akitsu.cli import main; main(sys.argv[1:])"
    )
    line = ["predict", model, str(folder), "--output", str(tmp_path / "out.parquet")]

    ended = subprocess.run(
        [sys.executable, "-c", program, *line], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    assert ended.stderr == (
        f"a .parquet output needs {module}, which is not installed; "
        'run pip install "akitsu[cluster]".\n'
    )
