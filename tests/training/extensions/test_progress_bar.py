from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from akitsu.training.extensions import progress_bar
from akitsu.training.extensions.progress_bar import ProgressBar


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock is four seconds after the one before."""
    seconds = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress_bar, "monotonic", lambda: next(seconds))


@pytest.mark.usefixtures("clock")
def test_without_a_terminal_a_plain_line_comes_every_ten_seconds(trainer):
    stream = StringIO()
    ours = trainer(stop=(7, "iteration"))
    ours.extend(ProgressBar(Console(file=stream)))

    ours.run()

    assert stream.getvalue().splitlines() == [
        "iteration 3/7, epoch 0.60, 0.2 it/s, 0:00:16 left",
        "iteration 6/7, epoch 1.20, 0.2 it/s, 0:00:04 left",
    ]


def test_a_short_training_without_a_terminal_says_nothing(trainer):
    stream = StringIO()
    ours = trainer(stop=(7, "iteration"))
    ours.extend(ProgressBar(Console(file=stream)))

    ours.run()

    assert stream.getvalue() == ""


@pytest.mark.usefixtures("clock")
def test_on_a_terminal_there_is_a_bar_and_the_cursor_comes_back(trainer):
    stream = StringIO()
    ours = trainer(stop=(7, "iteration"))
    ours.extend(ProgressBar(Console(file=stream, force_terminal=True, width=120)))

    ours.run()

    assert "iteration 7/7" in stream.getvalue()
    assert stream.getvalue().rindex("\x1b[?25h") > stream.getvalue().rindex("\x1b[?25l")
