"""Shows the log as it grows: a line for each row, or in a notebook a table in its place."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rich.console import Console
from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport, Row

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

MINIMAL_WIDTH = 10


class PrintReport(Extension):
    """Prints each new row of the log, below a heading.

    In a Jupyter notebook it shows one table below the cell and replaces it when a row comes. A
    resumed run shows the rows from before it there again: their table is of another cell, or gone.

    Args:
        keys: The columns; None takes all that a row has.
        log: Name of the LogReport.
        console: Where to print; by default stderr, since results go to stdout. Whether this is a
            notebook is its word.
    """

    trigger = (1, "epoch")
    priority = Priority.READER
    at_end = True

    def __init__(
        self,
        keys: Sequence[str] | None = None,
        *,
        log: str = "LogReport",
        console: Console | None = None,
    ) -> None:
        self.keys, self.log = keys, log
        self._console = console or Console(stderr=True)
        self._columns: list[str] = []
        self._printed = 0
        self._display: Any = None

    @override
    def initialize(self, trainer: Trainer) -> None:
        self._display = None  # a second run of the same trainer may stand in another cell

    @override
    def __call__(self, trainer: Trainer) -> None:
        log = trainer.extension(self.log)
        assert isinstance(log, LogReport), f"{self.log} keeps no rows"
        if self._console.is_jupyter:
            self._show(log.rows)
        else:
            for row in log.rows[self._printed :]:
                self._print(row)
        self._printed = len(log.rows)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"printed": self._printed}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._printed = state["printed"]

    def _show(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        # IPython is there when a notebook is: it is its kernel.
        ipython = import_module("IPython.display")
        table = ipython.HTML(_html(rows, self.keys))
        if self._display is None:
            self._display = ipython.display(table, display_id=True)
        else:
            self._display.update(table)

    def _print(self, row: Row) -> None:
        columns = list(row if self.keys is None else self.keys)
        if not set(columns) <= set(self._columns):
            # Scores of the validation come later than losses: a wider row gets a new heading.
            self._columns = columns
            self._write([f"{key:>{_width(key)}}" for key in columns], style="bold")
        self._write([f"{_cell(row.get(key)):>{_width(key)}}" for key in self._columns])

    def _write(self, cells: list[str], style: str | None = None) -> None:
        line = "  ".join(cells)
        self._console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


def _width(key: str) -> int:
    return max(len(key), MINIMAL_WIDTH)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.5g}"


def _html(rows: Sequence[Row], keys: Sequence[str] | None) -> str:
    """A table of all rows; a column for each key that is in any of them."""
    columns = list(dict.fromkeys(key for row in rows for key in row)) if keys is None else keys
    heading = "".join(f"<th>{escape(key)}</th>" for key in columns)
    lines = ("".join(f"<td>{escape(_cell(row.get(key)))}</td>" for key in columns) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"
