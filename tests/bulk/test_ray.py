"""The engine `ray` with several workers on this machine, each test in processes of its own.

Ray leaves sockets and threads behind that pytest would take for leaks of ours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from akitsu.bulk.predict import predict_table
from akitsu.bulk.rows import read_rows
from akitsu.bulk.worker import Settings
from tests.bulk.scenes import BROKEN, TASKS, parquet_of, sound, tar_of, write_folder

pytestmark = pytest.mark.slow

CONTENTS = {**sound(40), **{name: content for name, (content, _) in BROKEN.items()}}

RUN = """
import os, signal, sys
from pathlib import Path
from akitsu.bulk.predict import predict_table
from akitsu.bulk.worker import Settings

*models, source, folder, last = sys.argv[1:]

def die(done, total):
    if last and done >= int(last):
        os.kill(os.getpid(), signal.SIGKILL)

for model in map(Path, models):
    output = Path(folder) / f"{model.stem}.parquet"
    options = {"engine": "ray", "workers": 2, "part_size": 6, "progress": die}
    print(predict_table(model, [source], output, settings=Settings(masks=True), **options))
assert "torch" not in sys.modules
"""

# Ray looks for torch itself, and is told that there is none: whoever imports it leaves a trace.
FALSE_TORCH = """
import os
open(os.environ["TRACE"], "a").close()
raise ImportError("no torch here")
"""


@pytest.fixture
def sources(tmp_path):
    columns = {"name": [*CONTENTS], "image": [*CONTENTS.values()]}
    place = tmp_path / "sources"
    write_folder(place / "folder", CONTENTS)
    (place / "shards").mkdir()
    (place / "shards" / "a.tar").write_bytes(tar_of(CONTENTS))
    (place / "table").mkdir()
    (place / "table" / "a.parquet").write_bytes(parquet_of(columns, row_group_size=16))
    return place


def ray(models, source, folder, *, last=""):
    words = [*map(str, models), str(source), str(folder), str(last)]
    ended = subprocess.run(
        [sys.executable, "-c", RUN, *words], capture_output=True, text=True, check=False
    )
    if not last:
        assert ended.returncode == 0, ended.stderr
    return ended


def locally(model, source, output):
    return predict_table(
        model, [str(source)], output, part_size=6, settings=Settings(masks=True)
    ).path


def files(path):
    return {own.name: own.read_bytes() for own in path.glob("part-*")}


def test_several_workers_write_the_rows_that_one_process_writes(models, sources, tmp_path):
    (tmp_path / "many").mkdir()
    told = ray(models.values(), sources / "folder", tmp_path / "many")

    for task in TASKS:
        alone = locally(models[task], sources / "folder", tmp_path / f"{task}.parquet")
        assert files(tmp_path / "many" / f"{task}.parquet") == files(alone)
        assert len(read_rows(alone)) == len(CONTENTS)
    assert told.stderr == ""  # Ray is quiet
    assert [line[:8] for line in told.stdout.splitlines()] == ["Summary("] * 3


@pytest.mark.parametrize("kind", ["shards", "table"])
def test_workers_read_archives_and_parquet_as_one_process_does(models, sources, tmp_path, kind):
    (tmp_path / "many").mkdir()
    ray([models["classification"]], sources / kind, tmp_path / "many")

    alone = locally(models["classification"], sources / kind, tmp_path / "alone.parquet")

    assert files(tmp_path / "many" / "classification.parquet") == files(alone)


def test_what_ray_had_done_when_it_was_killed_another_engine_goes_on_with(
    models, sources, tmp_path
):
    model, place = models["detection"], sources / "folder"
    killed = ray([model], place, tmp_path, last=12)
    output = tmp_path / "detection.parquet"
    before = {own.name: own.stat().st_mtime_ns for own in output.iterdir()}

    locally(model, place, output)

    whole = locally(model, place, tmp_path / "whole.parquet")
    assert killed.returncode == -signal.SIGKILL
    assert 2 <= len(before) - 1 < 8
    assert files(output) == files(whole)
    assert before == {name: (output / name).stat().st_mtime_ns for name in before}


def test_no_worker_imports_torch(models, sources, tmp_path, monkeypatch):
    write_folder(tmp_path / "false", {"torch/__init__.py": FALSE_TORCH.encode()})
    paths = [str(tmp_path / "false"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))

    ray([models["segmentation"]], sources / "folder", tmp_path)

    assert not (tmp_path / "trace").exists()


def test_a_cluster_that_is_not_there_is_a_sentence(models, sources, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    line = ["predict", str(models["detection"]), str(sources / "folder"), "--engine", "ray"]

    ended = subprocess.run(
        [Path(sys.executable).parent / "akitsu", *line, "--output", str(tmp_path / "o.parquet")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stderr.startswith("--engine ray: Ray cannot start (")
    assert ended.stderr.endswith("; check RAY_ADDRESS and RAY_AUTH_MODE.\n")
