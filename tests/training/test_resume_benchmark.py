"""The benchmark of the resume has to find a training that forgets; tried on stand-ins."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "resume.py"
KILLS = 6

# Forty steps of a hundredth of a second, whose sum is the weights. The forgetful one saves where it
# is and not what it has learnt; the failing one breaks at its second start; one has a child.
STAND_IN = """
import json, os, subprocess, sys, time
from pathlib import Path
out, kind = Path(sys.argv[1]), sys.argv[2]
if kind == "parental":
    child = subprocess.Popen(["sleep", "300"])
    with open(sys.argv[3], "a") as children:
        print(child.pid, file=children)
if kind == "failing" and out.exists():
    sys.exit("planted")
(out / "snapshots").mkdir(parents=True, exist_ok=True)
(out / "log.jsonl").touch()
saved = sorted((out / "snapshots").glob("[0-9]*.pt"), key=lambda path: int(path.stem))
step, total = json.loads(saved[-1].read_text()) if saved else (0, 1)
while step < 40:
    step, total = step + 1, total * 31 % 1_000_003
    time.sleep(0.01)
    half = out / "snapshots" / "half"
    half.write_text(json.dumps([step, 1 if kind == "forgetful" else total]))
    os.replace(half, out / "snapshots" / f"{step}.pt")
for name in ("best.safetensors", "final.safetensors", "metrics.json"):
    (out / name).write_text(str(total))
"""


def benchmark(folder: Path, kind: str, *more: str) -> tuple[subprocess.CompletedProcess, Path]:
    script = folder / "stand_in.py"
    script.write_text(STAND_IN)
    command = " ".join([sys.executable, str(script), "{out}", kind, *more])
    result = folder / "resume.json"
    run = subprocess.run(
        [
            sys.executable,
            BENCHMARK,
            "--command",
            command,
            "--kills",
            str(KILLS),
            "--output",
            result,
        ],
        capture_output=True,
        text=True,
    )
    return run, result


def test_a_training_that_resumes_exactly_passes_with_every_kill_on_record(tmp_path):
    run, result = benchmark(tmp_path, "exact")

    document = json.loads(result.read_text())
    assert run.returncode == 0, run.stderr
    assert "the same weights" in run.stdout
    assert document["same"]
    assert len(document["kills"]) == KILLS
    assert str(tmp_path) not in result.read_text()


def test_a_training_that_forgets_is_found(tmp_path):
    run, result = benchmark(tmp_path, "forgetful")

    assert run.returncode == 1, run.stdout + run.stderr
    assert "DIFFERENT WEIGHTS" in run.stdout
    assert not json.loads(result.read_text())["same"]


def test_a_training_that_cannot_be_started_again_is_shown_with_its_last_words(tmp_path):
    run, result = benchmark(tmp_path, "failing")

    assert run.returncode == 1
    assert "planted\n\nthe training in killed-1 ended with 1" in run.stderr
    assert not result.exists()


def test_nothing_of_a_killed_training_lives_on(tmp_path):
    children = tmp_path / "children"

    run, _ = benchmark(tmp_path, "parental", str(children))

    assert run.returncode == 0, run.stderr
    pids = children.read_text().split()
    assert len(pids) > KILLS
    assert [pid for pid in pids if is_running(pid)] == []


def is_running(pid: str) -> bool:
    """Whether there is such a process that is not dead and merely not yet fetched by its parent."""
    asked = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True)
    return asked.returncode == 0 and not asked.stdout.startswith("Z")


def test_devices_and_workers_reach_the_training_and_the_pictures_are_not_held(monkeypatch):
    line = ["resume.py", "--devices", "2", "--workers", "3", "--set", "engine.workers=1"]
    monkeypatch.setattr(sys, "argv", line)
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    resume = import_module("resume")

    command = resume.command_of(resume.parsed_arguments())

    settings = [word for before, word in pairwise(command) if before == "--set"]
    assert settings[-4:] == [
        "engine.devices=2",
        "engine.workers=3",
        "data.in_memory=false",
        "engine.workers=1",
    ]
