from __future__ import annotations

import numpy as np
import pytest

import akitsu
from akitsu.classic import comparison, export
from akitsu.classic.classifiers import CLASSIFIERS
from akitsu.classic.comparison import compare
from akitsu.classic.export import export_line, probabilities_of, tied_rows
from akitsu.classic.problem import iris_problem, make_problem
from akitsu.classic.table import Table
from akitsu.errors import TrainingError


def mixed_problem(classes=2, offset=0.0):
    """120 rows of two numbers and a colour; the classes overlap."""
    rng = np.random.default_rng(0)
    kinds = np.arange(120) % classes
    columns = {
        "length": rng.normal(size=120) + kinds + offset,
        "width": np.round(rng.normal(size=120), 1),
        "colour": np.array(["red" if k else "blue" for k in rng.integers(0, 2, 120)], object),
        "kind": np.array([f"k{kind}" for kind in kinds], object),
    }
    return make_problem(Table("t.csv", columns, np.arange(120)), target="kind", folds=2)


PROBLEMS = {
    "iris": lambda: iris_problem(folds=2),
    "two classes and a text": mixed_problem,
    "numbers that float32 cannot tell apart": lambda: mixed_problem(classes=4, offset=1e9),
}


@pytest.fixture(scope="module", params=PROBLEMS)
def compared(request):
    problem = PROBLEMS[request.param]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "REPEATS", 1)
        return problem, compare(problem, folds=2)


@pytest.mark.parametrize("number", range(8), ids=list(CLASSIFIERS))
def test_every_classifier_answers_from_its_file_as_it_did(compared, number, tmp_path):
    problem, lines = compared
    line = lines[number]

    export_line(tmp_path / "m.onnx", problem, line, seed=0)
    recognizer = akitsu.load(tmp_path / "m.onnx")

    # Beside the rows that it learnt from, some that nobody has seen.
    rng = np.random.default_rng(1)
    shuffled = np.stack([rng.permutation(column) for column in problem.inputs.T], axis=1)
    rows = np.concatenate([problem.inputs, shuffled])
    given = recognizer.predict_inputs(rows)["probabilities"]
    clear = ~tied_rows(line, rows)
    assert clear.mean() > 0.5
    wanted = probabilities_of(line, rows)
    np.testing.assert_allclose(given[clear], wanted[clear], atol=1e-4)
    second, first = np.sort(wanted, axis=1)[:, -2:].T
    sure = clear & (first - second > 1e-6)
    assert (given.argmax(1) == line.final.predict(rows))[sure].all()
    assert given.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_a_table_full_of_equal_distances_is_exported(tmp_path):
    """Whole numbers from 0 to 3: hardly a row has exactly five neighbours that are nearest."""
    rng = np.random.default_rng(0)
    columns = {name: rng.integers(0, 4, 90).astype(float) for name in "abc"}
    columns["kind"] = np.array(["x", "y", "z"] * 30, object)
    problem = make_problem(Table("t.csv", columns, np.arange(90)), target="kind", folds=2)
    (line,) = compare(problem, names=["k-nearest-neighbours"], folds=2)

    export_line(tmp_path / "m.onnx", problem, line, seed=0)

    tied = tied_rows(line, problem.inputs)
    given = akitsu.load(tmp_path / "m.onnx").predict_inputs(problem.inputs)["probabilities"]
    assert 0.3 < tied.mean() < 1
    assert given[~tied] == pytest.approx(probabilities_of(line, problem.inputs)[~tied])


def test_the_card_says_what_a_robot_has_to_know(tmp_path):
    problem = mixed_problem()
    (line,) = compare(problem, names=["linear-svm"], folds=2)

    export_line(tmp_path / "m.onnx", problem, line, seed=3)

    card = akitsu.load(tmp_path / "m.onnx").card
    assert (card.task, card.model, card.classes) == ("table", "linear-svm", ("k0", "k1"))
    assert card.features == ("length", "width", "colour")
    assert card.categories == {"colour": ["blue", "red"]}
    assert card.data["target"] == "kind"
    assert card.provenance["parameters"]["C"] == 1.0
    assert card.scores["accuracy"]["value"] == line.accuracy.value
    assert card.temperature == pytest.approx(line.temperature)


def test_a_graph_that_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    problem = mixed_problem()
    (line,) = compare(problem, names=["decision-tree"], folds=2)
    real = export.probabilities_of

    def one_row_off(*arguments):
        probabilities = real(*arguments)
        probabilities[7] = probabilities[7, ::-1] + 0.01
        return probabilities

    monkeypatch.setattr(export, "probabilities_of", one_row_off)

    with pytest.raises(TrainingError, match="answers 1 of 120 rows otherwise"):
        export_line(tmp_path / "m.onnx", problem, line, seed=0)
    assert list(tmp_path.iterdir()) == []
