"""The benchmark of the Trainer has to count what it says, and find a loop that does other work."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from tests.benchmarks.conftest import BENCHMARKS

# Twenty-one iterations: one more than those before the clock.
FEWEST = 672

CHAINER = """#!/bin/sh
printf '\\033[J     total [####....]\\n'
echo '{"microseconds": 1234.5, "version": "7.8.1"}'
"""


@pytest.fixture
def stand_in(tmp_path):
    """Writes an interpreter that answers as Chainer's would."""

    def write(text: str = CHAINER) -> str:
        path = tmp_path / "python"
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    return write


def check_document(document: dict, *, printed: str) -> None:
    rows = {row["name"]: row for row in document["contenders"]}
    assert {"hand-written", "akitsu", "Lightning Fabric loop"} <= rows.keys()
    assert all(name in printed for name in rows)
    assert rows["akitsu"]["weights_apart"] == rows["Lightning Fabric loop"]["weights_apart"] == 0
    assert rows["Chainer Trainer"]["microseconds"] == [1234.5]
    assert document["environment"]["peers"]["chainer"] == "7.8.1"
    assert "end at the same weights" in printed


def test_akitsu_and_fabric_do_the_work_of_the_hand_written_loop(
    program, monkeypatch, stand_in, tmp_path, capsys
):
    """Only the time decides which exit code it is."""
    output = tmp_path / "trainer.json"
    words = ("--samples", FEWEST, "--rounds", 1, "--output", output, "--chainer-python", stand_in())
    trainer = program("trainer", *words)
    ours = [each for each in trainer.CONTENDERS if each.package is None]
    monkeypatch.setattr(trainer, "CONTENDERS", ours)

    status = trainer.main()

    document = json.loads(output.read_text())
    check_document(document, printed=capsys.readouterr().out)
    assert status == (document["contenders"][1]["times_the_hand_written"] > document["limit"])
    assert str(tmp_path) not in output.read_text()


@pytest.mark.slow
def test_so_do_all_peers_that_are_installed(stand_in, tmp_path):
    output = tmp_path / "trainer.json"
    command = [sys.executable, str(BENCHMARKS / "trainer.py"), "--rounds", "1"]
    command += ["--samples", str(FEWEST), "--output", str(output), "--chainer-python", stand_in()]

    run = subprocess.run(command, capture_output=True, text=True)

    assert output.is_file(), run.stderr
    check_document(json.loads(output.read_text()), printed=run.stdout)


def test_a_loop_that_ends_at_other_weights_is_named(program, monkeypatch, tmp_path, capsys):
    trainer = program("trainer", "--samples", FEWEST, "--rounds", 1)

    def lazy(job):
        model, _ = job.start()
        for _ in job:
            pass
        job.end()
        return model

    known = (trainer.HAND_WRITTEN, trainer.AKITSU)
    monkeypatch.setattr(trainer, "CONTENDERS", (*known, trainer.Contender("lazy", lazy)))

    status = trainer.main()

    assert status == 1
    assert "other weights than the hand-written loop: lazy\n" in capsys.readouterr().err


def test_a_peer_that_is_not_installed_is_left_out_with_a_sentence(program, monkeypatch):
    trainer = program("trainer")
    peer = trainer.Contender("Peer", trainer.HAND_WRITTEN.train, "no_such_package")
    monkeypatch.setattr(trainer, "CONTENDERS", (trainer.HAND_WRITTEN, peer))

    assert peer.missing
    assert trainer.left_out("python") == ["Peer: no_such_package is not installed."]


def test_best_and_median_are_compared_with_the_hand_written_loop(program):
    trainer = program("trainer")
    microseconds = {"hand-written": [300.0, 100.0, 200.0], "akitsu": [150.0, 110.0, 900.0]}

    _, ours = trainer.compared(trainer.Rounds(microseconds, {"akitsu": 0.0}))

    assert (ours["best_microseconds"], ours["median_microseconds"]) == (110.0, 150.0)
    assert ours["times_the_hand_written"] == 1.1
    assert ours["times_the_hand_written_by_medians"] == 0.75


@pytest.mark.parametrize(("ratio", "status"), [(1.05, 0), (1.051, 1)])
def test_more_than_a_twentieth_above_the_hand_written_loop_is_too_much(program, ratio, status):
    trainer = program("trainer")
    row = {"name": "akitsu", "times_the_hand_written": ratio, "weights_apart": 0.0}

    assert trainer.verdict({"contenders": [row]}) == status


def test_the_clock_starts_when_the_loop_is_warm(program, monkeypatch, tmp_path):
    """By a clock that counts batches: each of those after the warm-up takes one second."""
    contenders = program("trainer_contenders")
    done = []
    monkeypatch.setattr(contenders, "time", SimpleNamespace(perf_counter=lambda: len(done)))
    job = contenders.Job(24 * contenders.BATCH_SIZE, seed=0, folder=tmp_path)

    job.start()
    for batch in job:
        done.append(batch)
    job.end()

    assert job.microseconds == pytest.approx(1e6)


def test_every_picture_is_in_one_batch(program, tmp_path):
    contenders = program("trainer_contenders")
    job = contenders.Job(3 * contenders.BATCH_SIZE, seed=0, folder=tmp_path)

    pictures = torch.cat([inputs for inputs, _ in job])

    assert sorted(map(tuple, pictures.tolist())) == sorted(map(tuple, job.inputs.tolist()))


def test_a_chainer_that_fails_is_not_passed_over(program, stand_in, tmp_path):
    trainer = program("trainer")
    job = trainer.Job(FEWEST, seed=0, folder=tmp_path)

    with pytest.raises(SystemExit, match="Chainer ended with 3"):
        trainer.chainer(stand_in("#!/bin/sh\nexit 3\n"), job)


def test_an_epoch_that_ends_before_the_clock_starts_is_refused(program, capsys):
    trainer = program("trainer", "--samples", FEWEST - 1)

    with pytest.raises(SystemExit):
        trainer.parsed_arguments()

    assert f"--samples has to be at least {FEWEST}" in capsys.readouterr().err
