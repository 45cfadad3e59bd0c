from __future__ import annotations

import pytest

from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.plot_report import PlotReport


def test_the_rows_are_drawn_at_each_moment(trainer, tmp_path):
    def draw(rows, path):
        path.write_text(" ".join(str(row["iteration"]) for row in rows))

    ours = trainer(stop=(2, "epoch"))
    ours.extend(LogReport())
    ours.extend(PlotReport(draw))

    ours.run()

    assert (tmp_path / "curves.png").read_text() == "5 10"


def test_a_failing_drawing_warns_keeps_the_old_one_and_trains_on(trainer, tmp_path):
    def draw(rows, path):
        path.write_text("half a picture")
        if len(rows) > 1:
            raise ValueError("planted")
        path.write_text("a picture")

    ours = trainer(stop=(2, "epoch"))
    ours.extend(LogReport())
    ours.extend(PlotReport(draw))

    with pytest.warns(UserWarning, match=r"curves\.png: not drawn \(ValueError: planted\)"):
        ours.run()

    assert ours.finished
    assert (tmp_path / "curves.png").read_text() == "a picture"


def test_nothing_is_drawn_before_the_first_row(trainer, tmp_path):
    ours = trainer(stop=(2, "iteration"))
    ours.extend(LogReport(), trigger=(100, "epoch"))
    ours.extend(
        PlotReport(lambda rows, path: path.write_text(str(len(rows)))), trigger=(1, "iteration")
    )

    ours.updater.update()
    ours.extension("PlotReport")(ours)

    assert not (tmp_path / "curves.png").exists()
