"""The guide says of the intervals what was measured, and the program measures what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def test_the_guide_says_what_was_measured(program):
    document = json.loads((ROOT / "docs/results/classic_intervals.json").read_text())
    guide = (ROOT / "docs/guides/classic.md").read_text()

    rows = [f"| {kind} | {span} |" for kind, span in program("classic_intervals").spans(document)]

    assert [row for row in rows if row not in guide] == []
    assert f"{len(document['settings'])} settings" in guide
    assert f"{document['tables']} tables each" in guide


def test_an_interval_is_counted_where_it_holds_the_accuracy_of_unseen_rows(program, monkeypatch):
    intervals = program("classic_intervals")
    monkeypatch.setattr(intervals, "SETTINGS", ((2.0, 30),))
    monkeypatch.setattr(intervals, "UNSEEN", 300)
    ends = {"all": lambda *_: (0.0, 1.0), "none": lambda *_: (1.1, 1.2)}
    monkeypatch.setattr(intervals, "INTERVALS", ends)

    document = intervals.measure(1)

    assert [each["held"] for each in document["settings"]] == [{"all": 1.0, "none": 0.0}] * 3


def test_wilsons_and_the_t_interval_are_those_of_the_books(program):
    """8 of 10 right: Wilson's ends are .490 and .943; t of 4 folds is 3.182."""
    intervals = program("classic_intervals")

    assert intervals.wilson(np.array([0.8] * 5), 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    accuracies = np.array([0.7, 0.8, 0.8, 0.9])
    reach = 3.182 * accuracies.std(ddof=1) / 2
    assert intervals.plain_t(accuracies, 10) == pytest.approx((0.8 - reach, 0.8 + reach), abs=1e-3)
