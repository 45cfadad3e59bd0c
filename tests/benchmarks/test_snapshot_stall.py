"""The benchmark of the snapshots has to see a loop that waits, and a snapshot that is not whole."""

from __future__ import annotations

import json

import pytest

from akitsu.errors import TrainingError
from akitsu.training.extension import Extension, Priority

SMALL = ("--megabytes", 1, "--iterations", 20, "--every", 5, "--rounds", 1)


def test_a_small_training_is_measured_with_and_without_snapshots(program, tmp_path, capsys):
    output = tmp_path / "stall.json"
    stall = program("snapshot_stall", *SMALL, "--output", output, "--folder", tmp_path)

    status = stall.main()

    document = json.loads(output.read_text())
    assert document["longest_beyond_the_median_ms"].keys() == {"without", "with snapshots"}
    assert status == (document["stall_ms"] > document["limit_ms"])
    assert f"stalls for {document['stall_ms']} ms" in capsys.readouterr().out
    assert str(tmp_path) not in output.read_text()


@pytest.mark.parametrize(("longest", "status"), [(60.0, 0), (60.2, 1)])
def test_a_loop_that_waits_longer_than_the_limit_is_found(program, monkeypatch, longest, status):
    """Ten milliseconds an iteration, and one that takes 50 more, or a little more than that."""
    stall = program("snapshot_stall", "--rounds", 3)
    monkeypatch.setattr(
        stall,
        "iterations_ms",
        lambda arguments, every: [10.0] * 9 + [11.0 if every is None else longest],
    )

    assert stall.main() == status


def test_one_bad_moment_of_the_machine_does_not_decide(program):
    stall = program("snapshot_stall")
    quiet, disturbed = [10.0] * 9 + [20.0], [10.0] * 9 + [500.0]
    rounds = {"without": [[10.0] * 10] * 3, "with snapshots": [quiet, disturbed, quiet]}

    found = stall.stalls(rounds, every=40)

    assert found["stall_ms"] == 10.0
    assert found["cost_ms"] == 40.0


def test_a_snapshot_that_is_not_whole_is_found(program, monkeypatch):
    class Torn(Extension):
        priority = Priority.KEEPER

        def __call__(self, trainer):
            folder = trainer.out / "snapshots"
            folder.mkdir(exist_ok=True)
            (folder / f"{trainer.updater.iteration}.pt").write_bytes(b"half")

    stall = program("snapshot_stall", *SMALL)
    monkeypatch.setattr(stall, "Snapshot", Torn)

    with pytest.raises(TrainingError, match="torn"):
        stall.main()


def test_the_state_has_the_size_that_was_asked_for(program, tmp_path):
    """Weights and both moments of Adam, four bytes each."""
    stall = program("snapshot_stall", "--megabytes", 2)

    trainer = stall.small_trainer(stall.parsed_arguments(), [], out=tmp_path)

    weights = sum(each.numel() for each in trainer.updater.model.parameters())
    assert 3 * 4 * weights / 1e6 == pytest.approx(2, rel=0.05)
