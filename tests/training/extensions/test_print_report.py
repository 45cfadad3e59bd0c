from __future__ import annotations

from io import StringIO

from rich.console import Console

from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.print_report import PrintReport


def printed(ours, *, log_every: int, keys=None) -> list[list[str]]:
    """The words of each printed line."""
    stream = StringIO()
    ours.extend(LogReport(), trigger=(log_every, "iteration"))
    ours.extend(PrintReport(keys, console=Console(file=stream, width=20)))
    ours.run()
    return [line.split() for line in stream.getvalue().splitlines()]


def test_each_row_of_the_log_is_a_line_below_one_heading(trainer):
    lines = printed(trainer(stop=(2, "epoch")), log_every=5)

    assert lines[0] == ["epoch", "iteration", "elapsed_s", "main/accuracy", "main/loss"]
    assert [line[:2] for line in lines[1:]] == [["1", "5"], ["2", "10"]]


def test_rows_that_came_between_two_prints_are_all_printed(trainer):
    lines = printed(trainer(stop=(1, "epoch")), log_every=2, keys=["iteration"])

    assert lines == [["iteration"], ["2"], ["4"], ["5"]]


def test_a_score_that_comes_later_gets_a_new_heading(trainer):
    ours = trainer(stop=(1, "epoch"))
    ours.extend(Evaluator(lambda model: {"accuracy": 0.123456}))

    lines = printed(ours, log_every=4)

    assert "validation/main/accuracy" not in lines[0]
    assert lines[2][-1] == "validation/main/accuracy"
    assert lines[3][-1] == "0.12346"


def test_a_chosen_column_that_a_row_lacks_is_empty(trainer):
    lines = printed(trainer(stop=(1, "epoch")), log_every=5, keys=["epoch", "never"])

    assert lines == [["epoch", "never"], ["1"]]
