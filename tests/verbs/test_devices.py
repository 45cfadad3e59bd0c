"""`akitsu train --devices 2` as a person types it: said once, stopped once, gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pytest

from akitsu.data.generated.digits_table import digits_table

LIMIT_S = 150
TINY = ("model.input_hw=[8, 8]", "batch_size=64", "model.widths=[8, 16, 24]")
ENDLESS = ("stop=[100000, epoch]", "extensions.snapshot_seconds=1")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return digits_table(tmp_path_factory.mktemp("table")).train


def words(table, out, *settings, devices):
    line = [sys.executable, "-m", "akitsu", "train", "digits", "--data", str(table)]
    for setting in (*TINY, "engine.precision=32-true", *settings):
        line += ["--set", setting]
    return [*line, "--out", str(out), "--devices", str(devices), "--json"]


def environ():
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def allocated():
    """As a job sees it to which SLURM gave one task."""
    names = ("PROCID", "LOCALID", "NODEID")
    task = {"SLURM_NTASKS": "1", "SLURM_JOB_NAME": "training"}
    return environ() | task | {f"SLURM_{name}": "0" for name in names}


@contextmanager
def started(command, errors):
    """A command in a session of its own, as in a terminal; nothing of it is left afterwards."""
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command,
            env=environ(),
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for(true, process):
    until_s = time.monotonic() + LIMIT_S
    while not true():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < until_s, "it hangs"
        time.sleep(0.05)


def ended(command, env=None):
    env = environ() if env is None else env
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=LIMIT_S)


def newest(out):
    return max((int(path.stem) for path in out.glob("snapshots/[0-9]*.pt")), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("where", [environ, allocated])
def test_two_devices_print_the_scores_once_and_count_each_picture_once(table, tmp_path, where):
    out = tmp_path / "run"
    run = ended(words(table, out, "stop=[2, epoch]", devices=2), where())

    assert run.returncode == 0, run.stderr
    scores = json.loads(run.stdout)  # one object and nothing else
    alone = ended([sys.executable, "-m", "akitsu", "evaluate", str(out), "--json"])
    assert scores["n"] == json.loads(alone.stdout)["n"]
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    best = max(row.get("validation/main/accuracy", 0) for row in rows)
    assert scores["metrics"]["accuracy"]["value"] == pytest.approx(best)
    assert run.stderr.count("pictures to train on") == 1


@pytest.mark.slow
@pytest.mark.parametrize("by", ["--devices", "torchrun"])
def test_a_mistake_is_said_once(table, tmp_path, by):
    """A wrong key is found before the processes know one another, broken pictures after."""
    broken = tmp_path / "broken.csv"
    broken.write_text("label,pixel0,pixel1,pixel2,pixel3\n1,0,0,0\n")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    for data, key, said in (
        (table, "optimizer.learning_rate=1", "there is no such key"),
        (broken, "batch_size=64", "broken.csv:2"),
    ):
        command = words(data, tmp_path / "run", key, devices=2)
        run = ended(command if by == "--devices" else [*torchrun, *command[1:]])

        assert run.returncode == (2 if by == "--devices" else 1), run.stderr
        assert run.stdout == ""
        assert run.stderr.count(said) == 1, run.stderr
        assert not (tmp_path / "run").exists()
        if by == "--devices":
            assert "Traceback" not in run.stderr


@pytest.mark.slow
def test_a_run_is_stopped_by_one_signal_and_goes_on_with_another_number_of_devices(table, tmp_path):
    out, iteration = tmp_path / "run", 0
    for devices, number, to_all, code in (
        (2, signal.SIGINT, True, 130),
        (1, signal.SIGTERM, True, 143),
        (2, signal.SIGTERM, False, 143),
    ):
        errors = tmp_path / f"errors-{devices}-{number}-{to_all}.txt"
        with started(words(table, out, *ENDLESS, devices=devices), errors) as process:
            wait_for(lambda before=iteration: newest(out) > before, process)
            (os.killpg if to_all else os.kill)(process.pid, number)
            process.wait(timeout=LIMIT_S)

        said = errors.read_text()
        assert process.returncode == code, said
        assert "Traceback" not in said
        assert said.count("interrupted") == (code == 130)
        found = re.search(r"resumed at iteration (\d+)", said)
        assert (int(found[1]) if found else 0) == iteration
        iteration = newest(out)


@pytest.mark.slow
def test_the_death_of_one_process_ends_the_others_with_a_sentence(table, tmp_path):
    out, errors = tmp_path / "run", tmp_path / "errors.txt"
    with started(words(table, out, *ENDLESS, devices=2), errors) as process:
        wait_for(lambda: newest(out) > 0, process)
        asked = ["ps", "-o", "pid=", "--ppid", str(process.pid)]
        child = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()[0]
        os.kill(int(child), signal.SIGKILL)
        process.wait(timeout=LIMIT_S)

    said = errors.read_text()
    assert process.returncode == 2, said
    assert said.count("another process of this training died; see what it said") == 1
    assert "Traceback" not in said
