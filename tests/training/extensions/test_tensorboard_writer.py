from __future__ import annotations

from collections import defaultdict

import pytest

from akitsu.errors import MissingExtraError
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.extensions.tensorboard_writer import TensorBoardWriter
from akitsu.training.snapshot import resume


def shown(folder) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads: (step, value) by key."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = accumulator.EventAccumulator(str(folder))
    reader.Reload()
    points = defaultdict(list)
    for tag in reader.Tags()["scalars"]:
        points[tag] = [(event.step, event.value) for event in reader.Scalars(tag)]
    return points


def hang(ours):
    ours.extend(LogReport(), trigger=(2, "iteration"))
    ours.extend(TensorBoardWriter(), trigger=(2, "iteration"))
    ours.extend(Snapshot(), trigger=(5, "iteration"))
    return ours


def killed_at(iteration, ours):
    def kill(trainer):
        raise RuntimeError("the power is gone")

    ours.extend(kill, trigger=(iteration, "iteration"), priority=-1000)
    with pytest.raises(RuntimeError, match="power"):
        ours.run()


def test_every_row_of_the_log_is_shown_against_its_iteration(trainer, tmp_path):
    ours = hang(trainer(stop=(7, "iteration")))
    ours.extend(Evaluator(lambda model: {"accuracy": 0.25}), trigger=(4, "iteration"))

    ours.run()

    points = shown(tmp_path / "tensorboard")
    rows = ours.extension("LogReport").rows
    assert [row["iteration"] for row in rows] == [2, 4, 6, 7]
    assert points["main/loss"] == [
        (row["iteration"], pytest.approx(row["main/loss"])) for row in rows
    ]
    assert points["validation/main/accuracy"] == [(4, 0.25), (7, 0.25)]
    assert "iteration" not in points


def test_a_resumed_run_shows_each_row_once_as_if_it_had_not_stopped(trainer, tmp_path):
    whole = hang(trainer(stop=(12, "iteration"), out=tmp_path / "whole"))
    whole.run()
    killed_at(9, hang(trainer(stop=(12, "iteration"), out=tmp_path / "cut")))

    again = hang(trainer(stop=(12, "iteration"), out=tmp_path / "cut"))
    assert resume(again, tmp_path / "cut/snapshots") == 5
    again.run()

    cut, expected = (shown(tmp_path / name / "tensorboard") for name in ("cut", "whole"))
    assert [step for step, _ in cut["main/loss"]] == [2, 4, 6, 8, 10, 12]
    assert cut["main/loss"] == expected["main/loss"]


def test_rows_written_less_often_than_snapshots_are_not_shown_twice(trainer, tmp_path):
    def make():
        ours = trainer(stop=(12, "iteration"))
        ours.extend(LogReport(), trigger=(2, "iteration"))
        ours.extend(TensorBoardWriter(), trigger=(6, "iteration"))
        ours.extend(Snapshot(), trigger=(5, "iteration"))
        return ours

    killed_at(9, make())
    again = make()
    resume(again, tmp_path / "snapshots")

    again.run()

    steps = [step for step, _ in shown(tmp_path / "tensorboard")["main/loss"]]
    assert steps == [2, 4, 6, 8, 10, 12]


def test_a_run_begun_anew_hides_what_a_killed_one_left(trainer, tmp_path):
    killed_at(4, hang(trainer(stop=(12, "iteration"))))
    ours = hang(trainer(stop=(3, "iteration")))

    ours.run()

    steps = [step for step, _ in shown(tmp_path / "tensorboard")["main/loss"]]
    assert steps == [2, 3]


def test_without_tensorboard_the_extra_is_named(trainer, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ours = hang(trainer())

    with pytest.raises(MissingExtraError, match=r"TensorBoardWriter needs .*akitsu\[tracking\]"):
        ours.run()
