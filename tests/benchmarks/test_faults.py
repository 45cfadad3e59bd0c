"""The benchmark of the faults has to find a training that forgets, loses or keeps silent."""

from __future__ import annotations

import json
import sys

import pytest

LAST = 40

# Forty steps of a hundredth of a second, whose sum is the weights. It saves every fourth step, and
# at Ctrl-C; each kind but the exact one has its own way to be wrong.
STAND_IN = f"""
import json, os, signal, sys, time
from pathlib import Path
out, kind = Path(sys.argv[1]), sys.argv[2]
side = Path(os.environ["AKITSU_FAULT_PROBE"])
(out / "snapshots").mkdir(parents=True, exist_ok=True)
pressed = []
signal.signal(signal.SIGINT, lambda *_: pressed.append(1))

def save(step, total):
    half = out / "snapshots" / "half"
    half.write_text(json.dumps([step, 1 if kind == "forgetful" else total]))
    os.replace(half, out / "snapshots" / f"{{step}}.pt")

saved = sorted((out / "snapshots").glob("[0-9]*.pt"), key=lambda path: -int(path.stem))
step, total = 0, 1
for path in saved:
    try:
        step, total = json.loads(path.read_text())
    except ValueError:
        if kind != "silent":
            where = f"snapshots/{{path.name}}"
            print(f"{{where}}: this snapshot is torn. The snapshot before it is used.")
        continue
    print(f"resumed at iteration {{step}} of {LAST}")
    break
while step < {LAST}:
    step, total = step + 1, total * 31 % 1_000_003
    time.sleep(0.01)
    with (side / "iterations.txt").open("a") as file:
        file.write(f"{{step}}\\n")
    if step % 4 == 0:
        save(step, total)
    if pressed:
        if kind != "wasteful":
            save(step, total)
        print(f"saved at iteration {{step}} of {LAST}", flush=True)
        sys.exit(1 if kind == "odd" else 130)
for name in ("best.safetensors", "final.safetensors"):
    (out / name).write_text(str(total))
(out / "log.jsonl").write_text(json.dumps({{"iteration": step, "elapsed_s": time.time()}}))
"""


@pytest.fixture
def tried(program, tmp_path, monkeypatch):
    """Runs the benchmark on a stand-in, without the pictures that it would not read."""

    def run(kind: str, fault: str) -> tuple[int, dict]:
        script, output = tmp_path / "stand_in.py", tmp_path / "faults.json"
        script.write_text(STAND_IN)
        command = f"{sys.executable} {script} {{out}} {kind}"
        words = ("--times", 2, "--only", fault, "--iterations", LAST, "--command", command)
        faults = program("faults", *words, "--output", output)
        monkeypatch.setattr(faults, "draw_pictures", lambda folder: folder.mkdir())
        monkeypatch.setattr(faults.signal, "signal", lambda *_: None)
        status = faults.main()
        assert str(tmp_path) not in output.read_text()
        return status, json.loads(output.read_text())

    return run


@pytest.mark.parametrize("fault", ["SIGKILL", "Ctrl-C", "torn snapshot"])
def test_a_training_that_bears_it_passes(tried, fault, capsys):
    status, document = tried("exact", fault)

    [row] = document["faults"]
    assert status == 0, row["complaints"]
    assert row["tried"] == 2
    assert row["work_lost_iterations"] == row["allowed_iterations"]
    assert f"\n{fault:42}     2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "fault", "complaint"),
    [
        ("silent", "torn snapshot", "it says nothing like"),
        ("odd", "Ctrl-C", "exit code 1 where 130 belongs"),
        ("wasteful", "Ctrl-C", "iterations lost where 0 may be"),
    ],
)
def test_a_training_that_does_it_wrong_is_told_so(tried, kind, fault, complaint, capsys):
    status, document = tried(kind, fault)

    assert status == 1
    assert complaint in " ".join(document["faults"][0]["complaints"])
    assert "WRONG" in capsys.readouterr().out


def test_a_training_that_forgets_is_found(tried, capsys):
    status, document = tried("forgetful", "SIGKILL")

    assert status == 1
    assert not document["faults"][0]["same_result"]
    assert "DIFFERENT" in capsys.readouterr().out


def test_a_fault_that_cannot_be_tried_is_left_out_aloud(program, tmp_path, monkeypatch):
    place = program("fault_place")
    monkeypatch.setenv("PATH", "")

    with (
        pytest.raises(place.LeftOutError, match="can only be mounted by root"),
        place.disk(tmp_path / "small", small=True),
    ):
        pass
