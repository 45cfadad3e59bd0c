from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from akitsu.classic.comparison import compare
from akitsu.classic.pictures import draw_accuracies, draw_all_regions
from akitsu.classic.plane import plane_of
from akitsu.classic.problem import iris_problem, make_problem
from akitsu.classic.regions import draw_regions
from akitsu.classic.table import Table
from akitsu.errors import ShapeError
from akitsu.report.figures import COLOURS

SQUARE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
SEPALS = ["sepal length (cm)", "sepal width (cm)"]
LABELS = np.array([0, 0, 1, 1])


def drawn(along=0, **options):
    """The square of four rows, with class 1 beyond the middle of one axis."""
    axes = Figure().subplots()
    draw_regions(
        axes,
        lambda points: (points[:, along] > 0.5).astype(int),
        SQUARE,
        LABELS,
        classes=["left", "right"],
        names=["x", "y"],
        **options,
    )
    return axes


def nearest_colour(pixel):
    return int(np.argmin([np.abs(np.array(to_rgb(colour)) - pixel).sum() for colour in COLOURS]))


def test_a_region_has_a_pale_colour_of_the_class_that_is_named_there():
    (image,) = drawn().images
    pixels = image.get_array()

    middle = len(pixels) // 2
    left, right = pixels[middle, 0], pixels[middle, -1]

    assert image.get_extent() == pytest.approx([-0.08, 1.08, -0.08, 1.08])
    # Undone: pale = 1 - 0.28 (1 - colour).
    assert nearest_colour(1 - (1 - left) / 0.28) == 0
    assert nearest_colour(1 - (1 - right) / 0.28) == 1
    border = np.flatnonzero((pixels[middle] != left).any(axis=1))[0]
    assert border == pytest.approx(len(pixels) / 2, abs=1)


def test_up_is_up():
    (image,) = drawn(along=1).images
    (across,) = drawn().images

    pixels = np.moveaxis(image.get_array(), 0, 1)
    np.testing.assert_array_equal(pixels, across.get_array())
    assert image.origin == "lower"


def test_rows_of_the_test_have_a_ring_and_wrong_ones_a_cross():
    test, wrong = np.array([1, 0, 0, 1], bool), np.array([0, 0, 1, 0], bool)

    marked = {
        each.get_label(): each.get_offsets() for each in drawn(test=test, wrong=wrong).collections
    }

    assert marked["left"].tolist() == [[0, 0], [0, 1]]
    assert marked["right"].tolist() == [[1, 0], [1, 1]]
    assert marked["test row"].tolist() == [[0, 0], [1, 1]]
    assert marked["misclassified"].tolist() == [[1, 0]]


def test_features_that_make_no_plane_are_a_sentence():
    with pytest.raises(ShapeError, match=r"shape \(4, 3\)"):
        draw_regions(
            Figure().subplots(), len, np.zeros((4, 3)), LABELS, classes=["a"], names=["x", "y"]
        )
    with pytest.raises(ShapeError, match="4 rows, labels"):
        drawn(test=np.zeros(3, bool))


def test_the_plane_of_two_inputs_is_these_inputs():
    plane = plane_of(iris_problem(folds=2))

    assert not plane.is_cut
    assert plane.names == ("petal length (cm)", "petal width (cm)")
    np.testing.assert_array_equal(plane.inputs_at(plane.points), plane.points)


def test_rows_that_lie_on_a_plane_in_space_are_found_on_it_again():
    """A third feature that is the sum of two others adds no dimension."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 40))
    columns = {"a": a, "b": 100 * b, "c": a + b, "kind": np.array(["x", "y"] * 20, object)}
    problem = make_problem(Table("t.csv", columns, np.arange(40)), target="kind", folds=2)

    plane = plane_of(problem)

    assert plane.is_cut
    np.testing.assert_allclose(plane.inputs_at(plane.points), problem.inputs, atol=1e-9)
    shares = [int(name.partition("(")[2].split()[0]) for name in plane.names]
    assert sum(shares) == pytest.approx(100, abs=1)
    assert shares[0] > shares[1]


def test_one_input_makes_no_plane():
    assert plane_of(iris_problem(features=["petal width (cm)"], folds=2)) is None


def test_the_pictures_are_written(tmp_path):
    problem = iris_problem(
        features=["petal width (cm)", *["sepal width (cm)", "sepal length (cm)"]]
    )
    lines = compare(problem, names=["decision-tree"], folds=2)

    draw_all_regions(tmp_path / "regions.png", problem, lines, plane=plane_of(problem))
    draw_accuracies(tmp_path / "accuracy.png", problem, lines)

    for name in ("regions.png", "accuracy.png"):
        pixels = np.asarray(Image.open(tmp_path / name).convert("RGB"))
        assert min(pixels.shape[:2]) > 200
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
