"""The picture of a benchmark: who stands on the front has a name, and no two names touch."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from akitsu.report.bench import draw_bench


def document(macs, top1, *, front):
    models = [
        {
            "name": f"network-{number:02}",
            "macs": cost,
            "parameters": 5_000_000,
            "top1": accuracy,
            "latency": {"torch": {"median_ms": cost / 1e7}},
        }
        for number, (cost, accuracy) in enumerate(zip(macs, top1, strict=True))
    ]
    return {"models": models, "front": front}


@pytest.fixture
def panels(monkeypatch, tmp_path):
    """Draws a document; returns the names of each panel with the pixels that they cover."""

    def draw(given):
        found = []
        save = Figure.savefig

        def keep(self, *args, **options):
            save(self, *args, **options)
            for axes in self.axes:
                names = [each for each in axes.texts if isinstance(each, Annotation)]
                found.append({each.get_text(): each.get_window_extent() for each in names})

        monkeypatch.setattr(Figure, "savefig", keep)
        draw_bench(tmp_path / "bench.png", given)
        return found

    return draw


def test_in_a_crowd_no_two_names_touch_and_the_front_keeps_its_own(panels):
    macs = [1e6, *np.geomspace(1e9, 2e9, 39)]
    top1 = [70 + 0.1 * (number % 7) for number in range(40)]

    accuracy, time = panels(document(macs, top1, front=["network-00", "network-39"]))

    for names in (accuracy, time):
        boxes = list(names.values())
        assert 5 < len(boxes) < 40
        # A box touches itself.
        assert [box.count_overlaps(boxes) for box in boxes] == [1] * len(boxes)
    assert {"network-00", "network-39"} <= accuracy.keys()


def test_where_there_is_room_all_have_their_names(panels):
    macs = np.geomspace(1e6, 1e10, 8)

    accuracy, time = panels(document(macs, np.linspace(50, 80, 8), front=["network-07"]))

    assert len(accuracy) == len(time) == 8


def test_without_known_accuracies_there_is_time_alone(panels):
    (time,) = panels(document([1e8, 1e9], [None, None], front=[]))

    assert len(time) == 2
