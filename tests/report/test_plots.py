"""Every plot is written, is a PNG of the expected size, and shows what it was given."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from akitsu.errors import DataError, MissingExtraError, OutputError, ShapeError
from akitsu.report.bars import draw_bars
from akitsu.report.confusion import compact, draw_confusion
from akitsu.report.curves import draw_log, draw_precision_recall
from akitsu.report.mistakes import draw_mistakes
from akitsu.scores.average_precision import Curve
from akitsu.scores.detection import Kind
from akitsu.scores.interval import Estimate
from akitsu.scores.table import MISTAKES

# What a name can hold that a plot could choke on: mathematics, a legend's hidden mark, Japanese.
HOSTILE_NAMES = ["5$ or 10$", "_hidden", "赤血球", "<b>&amp;", "x" * 60]


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved, to be asked what stands in them."""
    saved = []
    save = Figure.savefig

    def keep(self, *args, **options):
        saved.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def words(figure):
    """All that is written in a figure."""
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def estimate(value, spread=0.05):
    return Estimate(value, max(0.0, value - spread), min(1.0, value + spread), 50)


def curve(n=20, average=0.7):
    recall = np.linspace(0.05, 0.9, n)
    return Curve(recall, 1 - recall**2 / 2, np.linspace(1, 0.05, n), average)


def log(epochs):
    return [
        {"epoch": e, "main/loss": 2 / e, "validation/main/accuracy": 1 - 0.5 / e, "lr": 1e-3}
        for e in range(1, epochs + 1)
    ]


def draw_all(folder, names):
    """One of each plot, with these names for the classes."""
    draw_confusion(folder / "confusion.png", np.eye(len(names), dtype=int), classes=names)
    draw_bars(folder / "bars.png", dict.fromkeys(names, estimate(0.5)), title="t", measure="IoU")
    draw_precision_recall(folder / "pr.png", {name: curve() for name in names}, score_threshold=0.4)


def nothing_is_clipped(picture):
    """The outermost pixels all round are paper: no letter runs over the edge."""
    pixels = np.asarray(Image.open(picture).convert("L"))
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    return all((edge == 255).all() for edge in edges)


@pytest.mark.parametrize("k", [1, 11, 30])
def test_no_text_is_clipped_for_few_or_many_classes(tmp_path, k):
    draw_all(tmp_path, [f"Traffic sign {i}" for i in range(k)])

    for picture in tmp_path.iterdir():
        assert nothing_is_clipped(picture), picture.name


def test_hostile_class_names_are_drawn_as_they_stand(tmp_path, figures):
    draw_all(tmp_path, HOSTILE_NAMES)

    for figure, picture in zip(figures, ("confusion", "bars", "pr"), strict=True):
        written = " ".join(words(figure))
        assert all(name[:20] in written for name in HOSTILE_NAMES), picture
        assert nothing_is_clipped(tmp_path / f"{picture}.png")


def test_the_confusion_matrix_shows_every_count_and_leaves_noughts_empty(tmp_path, figures):
    matrix = np.array([[93, 7], [0, 123_456]])

    draw_confusion(tmp_path / "c.png", matrix, classes=["cat", "dog"], counted="pixels")

    written = words(figures[0])
    assert {"93", "7", "123k", "cat", "dog", "recognised as", "in truth"} <= set(written)
    assert "What was taken for what, in pixels" in written
    assert "0" not in written


def test_a_class_without_pictures_leaves_its_row_white_rather_than_failing(tmp_path, figures):
    draw_confusion(tmp_path / "c.png", np.array([[3, 1], [0, 0]]), classes=["cat", "dog"])

    shares = figures[0].axes[0].images[0].get_array()
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0, 0]])


def test_a_matrix_of_another_size_is_refused(tmp_path):
    with pytest.raises(ShapeError, match=r"shape \(2, 2\), 3 classes want \(3, 3\); pass"):
        draw_confusion(tmp_path / "c.png", np.eye(2, dtype=int), classes=["a", "b", "c"])


def test_every_kind_of_mistake_has_a_bar_with_its_count_and_gain(tmp_path, figures):
    gain = Estimate(0.117, 0.08, 0.15, 50)
    mistakes = {kind: Kind(10 + index, gain) for index, kind in enumerate(MISTAKES)}

    draw_mistakes(tmp_path / "m.png", mistakes, score_threshold=0.25)

    written = words(figures[0])
    for index, said in enumerate(MISTAKES.values()):
        assert f"{said}\n{10 + index} of them" in written
    assert written.count("11.7") == len(MISTAKES)
    assert "What goes wrong, counted at score threshold 0.25" in written
    assert nothing_is_clipped(tmp_path / "m.png")


def test_mistakes_without_a_gain_are_drawn_without_a_bar(tmp_path, figures):
    undefined = Estimate(float("nan"), float("nan"), float("nan"), 0)

    draw_mistakes(tmp_path / "m.png", {"missed": Kind(0, undefined)}, score_threshold=0.5)

    assert not figures[0].axes[0].patches


@pytest.mark.parametrize("count", [0, 9_999, 10_000, 99_950, 999_949, 999_950, 10**9, 10**14])
def test_a_compact_count_fits_its_cell(count):
    assert len(compact(count)) <= 5


def test_the_log_shows_losses_left_and_scores_right_and_marks_the_best(tmp_path, figures):
    rows = [*log(5), {"epoch": 6, "main/loss": 0.1, "validation/main/accuracy": 0.4}]

    draw_log(tmp_path / "curves.png", rows, best="validation/main/accuracy")

    left, right = figures[0].axes
    assert [line.get_label() for line in left.get_lines()] == ["training loss"]
    shown = [line.get_label() for line in right.get_lines()]
    assert shown == ["validation accuracy", "best: 90.0 %"]
    assert right.get_lines()[1].get_xdata() == [5]
    assert not any("lr" in word.split() for word in words(figures[0]))


def test_a_log_line_may_lack_a_key_or_hold_null_or_infinity(tmp_path, figures):
    rows = [{"iteration": 10, "loss": 1.5}, {"iteration": 20, "loss": None}]
    rows += [{"iteration": 30, "loss": float("inf")}, {"iteration": 40, "val/miou": 0.3}]

    draw_log(tmp_path / "curves.png", rows)

    left, right = figures[0].axes
    assert list(left.get_lines()[0].get_xdata()) == [10]
    assert list(right.get_lines()[0].get_xdata()) == [40]
    assert left.get_xlabel() == "iteration"


def test_a_log_of_one_kind_has_one_panel(tmp_path, figures):
    draw_log(tmp_path / "curves.png", [{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5}])

    assert len(figures[0].axes) == 1


def test_a_log_without_a_score_is_an_error_with_advice(tmp_path):
    with pytest.raises(DataError, match=r"^the log holds no loss and no score; train for"):
        draw_log(tmp_path / "curves.png", [{"epoch": 1, "lr": 0.1}])

    assert not list(tmp_path.iterdir())


def test_the_dot_on_a_curve_stands_at_the_score_threshold(tmp_path, figures):
    planted = curve()

    draw_precision_recall(tmp_path / "pr.png", {"cat": planted}, score_threshold=0.5)

    line, dot = figures[0].axes[0].get_lines()
    above = (planted.scores >= 0.5).sum()
    assert dot.get_xdata()[0] == pytest.approx(100 * planted.recall[above - 1])
    assert len(line.get_xdata()) == 20


def test_of_many_curves_the_ten_weakest_are_named(tmp_path, figures):
    curves = {f"class {i}": curve(average=i / 40) for i in range(40)}
    curves["absent"] = curve(average=float("nan"))

    draw_precision_recall(tmp_path / "pr.png", curves)

    legend = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert legend == [*(f"class {i}: AP {2.5 * i:.1f} %" for i in range(10)), "30 better classes"]


def test_a_class_without_detections_has_a_curve_without_points(tmp_path):
    none = np.empty(0)

    draw_precision_recall(
        tmp_path / "pr.png", {"cat": Curve(none, none, none, 0.0)}, score_threshold=0.5
    )

    assert (tmp_path / "pr.png").exists()


def test_bars_stand_best_first_with_their_intervals_and_absent_classes_last(tmp_path, figures):
    nan = float("nan")
    scores = {"low": estimate(0.2), "high": estimate(0.8), "absent": Estimate(nan, nan, nan, 5)}

    draw_bars(tmp_path / "b.png", scores, title="T", measure="IoU", mean=estimate(0.5))

    axes = figures[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["absent", "low", "high"]  # from the bottom up
    assert [bar.get_width() for bar in axes.patches] == [20, 80]
    whiskers = [list(line.get_xdata()) for line in axes.get_lines()]
    assert pytest.approx([75, 85]) in whiskers
    assert "not in these pictures" in words(figures[0])
    assert axes.get_xlabel().endswith("dashed: mean 50.0 %")


def test_a_plot_leaves_no_temporary_file_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "deep" / "curves.png"
    draw_log(target, log(2))
    first = target.read_bytes()

    draw_log(target, log(9))

    assert [file.name for file in target.parent.iterdir()] == ["curves.png"]
    assert target.read_bytes() != first
    assert Image.open(BytesIO(first)).format == "PNG"


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError):
        draw_log(tmp_path / "file" / "curves.png", log(2))


def test_drawing_leaves_the_settings_of_matplotlib_alone(tmp_path):
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw_log(tmp_path / "curves.png", log(2))

    assert dict(matplotlib.rcParams) == before


def test_without_matplotlib_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r'a plot needs matplotlib.*"akitsu\[train\]"'):
        draw_log(tmp_path / "curves.png", log(2))


def test_importing_the_plots_does_not_import_matplotlib():
    script = (
        "import sys, akitsu.report.bars, akitsu.report.confusion, akitsu.report.curves\n"
        "sys.exit('matplotlib' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
