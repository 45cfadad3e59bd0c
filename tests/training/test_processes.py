"""Several processes that train together do what one does; here on the CPU, with gloo."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from akitsu.training.snapshot import load_snapshot

from . import process_run
from .test_resume import assert_same, log_without_times

ROOT = Path(__file__).parents[2]
LAST = 12
# Float32: another order of adding up, twelve steps long.
CLOSE = 1e-4
RESUMED_AT = (1, 4, 7)


def start(out, scenes, *, processes):
    """Start all processes by hand, which is quicker than torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    shared |= {"NODE_RANK": "0", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.training.process_run", str(out), json.dumps(scenes)]
    return [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **shared, "LOCAL_RANK": str(number)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]


def play(out, scenes, *, processes):
    """Run scenes to their end; none may hang, or end a process."""
    started = start(out, scenes, processes=processes)
    try:
        for process in started:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in started:
            process.kill()


def test_a_process_leaves_its_group_before_it_ends():
    """Handlers at exit are called in the reverse order: the first registered is called last."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = f"""
import atexit
import torch.distributed as group
from akitsu.training.processes import part_at_exit
atexit.register(lambda: print(group.is_initialized()))
part_at_exit()
group.init_process_group("gloo", init_method="tcp://127.0.0.1:{port}", rank=0, world_size=1)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def losses(out):
    return [row["main/loss"] for row in log_without_times(out)]


def updater_state(out, iteration=LAST):
    return load_snapshot(out / "snapshots" / f"{iteration}.pt")["trainer"]["updater"]


def noted(out, what):
    return [json.loads((out / f"{what}-{number}.json").read_text()) for number in (0, 1)]


def ended(out):
    return [(out / f"ended-{number}").read_text() for number in (0, 1)]


def scenes_of_two():
    """All that the two processes play, one after the other, in one start."""
    dropout = {"dropout": 0.3, "snapshot": 1}
    scenes = [
        {"folder": "whole batch"},
        {"folder": "in parts", "accumulate": 2},
        {"folder": "unbroken", **dropout},
        {"folder": "two, then one", "stop": 5, "snapshot": 5},
        {"folder": "one, then two"},
        {"folder": "interrupted", "snapshot": 100, "faults": {"1@4": "SIGINT"}},
        {"folder": "terminated", "snapshot": 100, "faults": {"0@4": "SIGTERM"}},
        {"folder": "interrupted at the end", "snapshot": 100, "faults": {"1@12": "SIGINT"}},
        {"folder": "by the clock", "seconds": 1e-3, "stop": 40, "snapshot": 40},
        {"folder": "talk", "kind": "talk"},
        {"folder": "in the first", "kind": "err", "what": "a", "met by": "the first, for all"},
        {"folder": "met by both", "kind": "err", "what": "b", "met by": [0, 1]},
        {"folder": "met by the second", "kind": "err", "what": "c", "met by": [1]},
    ]
    for at in RESUMED_AT:
        scenes += [{"folder": f"cut at {at}", "stop": at, **dropout}]
        scenes += [{"folder": f"cut at {at}", **dropout}]
    return scenes


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes did; one of their runs is begun by one."""
    out = tmp_path_factory.mktemp("two")
    process_run.main(out, [{"folder": "one, then two", "stop": 5, "snapshot": 5}])
    play(out, scenes_of_two(), processes=2)
    return out


@pytest.fixture(scope="module")
def one(tmp_path_factory, two):
    """What one process did; it also goes on with what two began."""
    out = tmp_path_factory.mktemp("one")
    process_run.main(out, [{"folder": "whole batch"}, {"folder": str(two / "two, then one")}])
    return out


@pytest.mark.parametrize("folder", ["whole batch", "in parts"])
def test_two_processes_have_the_loss_curve_of_one(one, two, folder):
    """Also where each cuts its part of the batch once more."""
    assert losses(two / folder) == pytest.approx(losses(one / "whole batch"), rel=CLOSE)
    weights = updater_state(one / "whole batch")["model"]
    for name, own in updater_state(two / folder)["model"].items():
        torch.testing.assert_close(own, weights[name], atol=CLOSE, rtol=0)


@pytest.mark.parametrize("at", RESUMED_AT)
def test_two_processes_resume_to_the_last_bit(two, at):
    """With Dropout, whose draws differ between them."""
    assert_same(updater_state(two / f"cut at {at}"), updater_state(two / "unbroken"))
    assert log_without_times(two / f"cut at {at}") == log_without_times(two / "unbroken")
    seldom = [
        log_without_times(two / folder, "seldom.jsonl") for folder in (f"cut at {at}", "unbroken")
    ]
    assert seldom[0] == seldom[1]  # its rows had been begun, with other losses in each process


@pytest.mark.parametrize("folder", ["two, then one", "one, then two"])
def test_a_run_goes_on_in_another_number_of_processes(one, two, folder):
    assert losses(two / folder) == pytest.approx(losses(one / "whole batch"), rel=CLOSE)


@pytest.mark.parametrize(
    ("folder", "signs"),
    [
        ("interrupted", ["KeyboardInterrupt", "SystemExit: 130"]),
        ("terminated", ["TerminatedError: 143", "SystemExit: 130"]),
    ],
)
def test_a_signal_to_one_process_stops_both_at_the_same_iteration(two, folder, signs):
    first, second = noted(two / folder, "acted")

    assert first["iteration"] == second["iteration"] < LAST
    assert [path.name for path in (two / folder / "snapshots").iterdir()] == [
        f"{first['iteration']}.pt"
    ]
    assert all(text.startswith(sign) for text, sign in zip(ended(two / folder), signs, strict=True))


def test_a_signal_in_the_last_iteration_is_not_lost(two):
    out = two / "interrupted at the end"

    assert ended(out)[0].startswith("KeyboardInterrupt")
    assert (out / "snapshots" / "12.pt").is_file()


def test_an_extension_acts_in_the_first_process_or_in_all(two):
    first, second = noted(two / "whole batch", "acted")

    assert first["first"] == first["everywhere"] == second["everywhere"] == [*range(1, LAST + 1)]
    assert second["first"] == []


def test_time_triggers_fire_in_the_same_iterations(two):
    first, second = noted(two / "by the clock", "acted")

    assert first["clock"] == second["clock"]
    assert 0 < len(first["clock"]) < 40


def test_the_processes_agree_with_one_iteration_delay(two):
    """The second process was interrupted in turn 2; the clock is that of the first."""
    for heard in noted(two / "talk", "heard"):
        assert heard["told"] == [[False, 0], [False, 0], [False, 1], [True, 2], [False, 3]]
        assert heard["last"] is True
        assert heard["not last"] is False


def test_what_they_tell_one_another_arrives(two):
    for heard in noted(two / "talk", "heard"):
        assert heard["first"] == "said by 0"
        assert heard["all"] == ["process 0", "process 1"]
        assert heard["mean"] == {"a": 0.5, "b": 5.0}


@pytest.mark.parametrize("folder", ["in the first", "met by both"])
def test_a_mistake_is_said_once_and_ends_both(two, folder):
    first, second = ended(two / folder)

    assert first.startswith("DataError: ")
    assert second == "SystemExit: 2"


def test_a_mistake_that_the_second_process_alone_meets_is_said_there(two):
    assert ended(two / "met by the second") == ["well", "DataError: c; mend it."]


@pytest.mark.slow
def test_torchrun_starts_killed_processes_again_and_the_run_ends_as_if_unbroken(two, tmp_path):
    """Either process is killed once, in mid-run; both go on from the snapshot of iteration 3, if
    the first lived long enough to have written it.
    """
    for number in (0, 1):
        scene = {"folder": f"killed {number}", "dropout": 0.3, "faults": {f"{number}@5": "SIGKILL"}}
        words = ["--nproc-per-node", "2", "--max-restarts", "1", "-m", "tests.training.process_run"]
        run = subprocess.run(
            [sys.executable, "-m", "torch.distributed.run", *words, tmp_path, json.dumps([scene])],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )

        assert run.returncode == 0, run.stderr
        out = tmp_path / scene["folder"]
        again = noted(out, "acted")[0]["first"]
        assert again == [*range(again[0], LAST + 1)]
        assert again[0] in (1, 4)
        assert_same(updater_state(out), updater_state(two / "unbroken"))
