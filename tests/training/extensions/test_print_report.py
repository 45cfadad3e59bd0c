from __future__ import annotations

import re
import sys
from io import StringIO
from types import SimpleNamespace

import pytest
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


@pytest.fixture
def notebook(monkeypatch):
    """What a notebook would show: one list for each display, the newest content last."""
    shown: list[list[str]] = []

    def display(html, *, display_id):
        assert display_id is True
        shown.append([html])
        return SimpleNamespace(update=shown[-1].append)

    ipython = SimpleNamespace(HTML=str, display=display)
    monkeypatch.setitem(sys.modules, "IPython.display", ipython)
    return shown


def cells(html: str) -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]


def in_notebook(ours, keys=None) -> PrintReport:
    stream = StringIO()
    console = Console(file=stream, force_jupyter=True)
    ours.extend(LogReport())
    ours.extend(PrintReport(keys, console=console))
    ours.run()
    assert stream.getvalue() == ""
    return ours.extension("PrintReport")


def test_in_a_notebook_one_table_is_replaced_as_rows_come(trainer, notebook):
    in_notebook(trainer(stop=(3, "epoch")), keys=["epoch", "iteration", "never"])

    (contents,) = notebook
    assert [len(cells(html)) for html in contents] == [2, 3, 4]
    assert cells(contents[-1]) == [
        ["epoch", "iteration", "never"],
        ["1", "5", ""],
        ["2", "10", ""],
        ["3", "15", ""],
    ]


def test_in_a_notebook_a_score_that_comes_later_gets_a_column(trainer, notebook):
    ours = trainer(stop=(2, "epoch"))
    ours.extend(Evaluator(lambda model: {"<b>": 0.5}), trigger=(10, "iteration"))

    in_notebook(ours)

    header, first, second = cells(notebook[0][-1])
    assert header[-1] == "validation/main/&lt;b&gt;"
    assert (first[-1], second[-1]) == ("", "0.5")


def test_in_a_notebook_a_resumed_run_shows_all_rows_in_a_display_of_its_own(trainer, notebook):
    first = trainer(stop=(1, "epoch"))
    in_notebook(first)
    again = trainer(stop=(2, "epoch"))
    again.extend(LogReport())
    again.extend(PrintReport(["iteration"], console=Console(file=StringIO(), force_jupyter=True)))
    again.load_state_dict(first.state_dict())

    again.run()

    assert len(notebook) == 2
    assert cells(notebook[1][-1]) == [["iteration"], ["5"], ["10"]]
