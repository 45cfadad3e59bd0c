"""The verb `compare`, and what `predict` and `evaluate` do with its model files."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from akitsu.classic import comparison
from akitsu.classic.problem import SPECIES, iris_table
from akitsu.cli import run

QUICK = ["--only", "linear-svm,decision-tree", "--folds", "2"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparison, "REPEATS", 1)


def write_flowers(path):
    """Iris as a file, with a colour that tells setosa from the others."""
    table = iris_table()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["width", "colour", "kind"])
        widths, kinds = table.columns["petal width (cm)"], table.columns[SPECIES]
        for width, kind in zip(widths, kinds, strict=True):
            writer.writerow([width, "white" if kind == "setosa" else "blue", kind])
    return path


@pytest.fixture
def flowers(tmp_path):
    return write_flowers(tmp_path / "flowers.csv")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a comparison, made once."""
    folder = tmp_path_factory.mktemp("made")
    table = write_flowers(folder / "flowers.csv")
    code = run(["compare", str(table), "--target", "kind", *QUICK, "--output", f"{folder}/out"])
    assert code == 0
    return folder / "out"


@pytest.fixture
def model(made, tmp_path):
    """A copy of its decision tree."""
    return shutil.copy(made / "decision-tree.onnx", tmp_path)


def test_iris_prints_the_eight_classifiers_and_writes_their_files(tmp_path, capfd):
    assert run(["compare", "iris", "--folds", "2"]) == 0

    shown = capfd.readouterr().out
    document = json.loads((tmp_path / "runs/compare/iris/1/compare.json").read_text())
    assert len(document["classifiers"]) == 8
    wrong = {line["name"]: line["misclassified"] for line in document["classifiers"]}
    assert wrong["logistic-regression"] == wrong["linear-svm"] == 1
    assert wrong["k-nearest-neighbours"] == 0
    for title in ("perceptron", "logistic regression", "linear SVM", "RBF SVM", "decision tree"):
        assert title in shown
    written = {path.name for path in (tmp_path / "runs/compare/iris/1").iterdir()}
    models = {f"{line['name']}.onnx" for line in document["classifiers"]}
    assert written == models | {"compare.json", "regions.png", "accuracy.png"}


def test_a_second_comparison_has_the_next_number_and_json_is_one_document(flowers, capfd):
    for _ in range(2):
        assert run(["compare", str(flowers), "--target", "kind", *QUICK, "--json"]) == 0

    first, second = map(json.loads, capfd.readouterr().out.splitlines())
    assert (first["folder"], second["folder"]) == (
        "runs/compare/flowers/1",
        "runs/compare/flowers/2",
    )
    assert first["inputs"] == ["width", "colour=blue", "colour=white"]
    accuracies = [[line["accuracy"] for line in d["classifiers"]] for d in (first, second)]
    assert accuracies[0] == accuracies[1]


def test_an_output_is_not_replaced_without_force(flowers, tmp_path, capfd):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    line = ["compare", str(flowers), "--target", "kind", *QUICK, "--output", "out"]

    assert run(line) == 2
    assert "add --force" in capfd.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    assert run([*line, "--force"]) == 0
    assert not (tmp_path / "out/mine.txt").exists()


def test_one_feature_has_no_plane_and_that_is_said(flowers, tmp_path, capfd):
    options = ["--target", "kind", "--features", "width", "--output", "out"]

    assert run(["compare", str(flowers), *options, *QUICK]) == 0

    assert "none, since one feature makes no plane" in capfd.readouterr().out
    assert not (tmp_path / "out/regions.png").exists()
    assert (tmp_path / "out/accuracy.png").exists()


def test_tune_prints_what_it_chose(capfd):
    only = ["--only", "decision-tree,perceptron", "--folds", "2"]

    assert run(["compare", "iris", "--tune", *only, "--output", "out"]) == 0

    shown = capfd.readouterr().out
    document = json.loads(Path("out/compare.json").read_text())
    depth = document["classifiers"][0]["chosen"]["max_depth"]
    assert f"decision tree: max_depth {depth}, as in " in shown
    assert "perceptron: nothing is searched" in shown
    assert len(document["classifiers"][0]["chosen_by_fold"]) == 2


def test_predict_writes_the_class_of_every_row(model, flowers, tmp_path, capfd):
    capfd.readouterr()
    assert run(["predict", model, str(flowers)]) == 0

    sentence = capfd.readouterr().out
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == [str(number) for number in range(1, 151)]
    kinds = np.repeat(["setosa", "versicolor", "virginica"], 50)
    labels = np.array([row["label"] for row in rows])
    assert (labels == kinds).mean() > 0.95
    assert all(1 / 3 <= float(row["probability"]) <= 1 for row in rows)
    assert sentence.startswith("150 rows: predictions.csv (setosa 50, ")
    assert run(["predict", model, str(flowers)]) == 2
    assert "add --force" in capfd.readouterr().err


def test_predict_needs_no_class_and_passes_over_other_columns(model, tmp_path):
    (tmp_path / "new.csv").write_text("id,colour,width\nx,white,0.2\ny,blue,2.3\n")

    assert run(["predict", model, "new.csv", "--output", "new-predictions.csv"]) == 0

    lines = (tmp_path / "new-predictions.csv").read_text().splitlines()
    assert lines[0] == "row,label,probability"
    assert [line.split(",")[1] for line in lines[1:]] == ["setosa", "virginica"]


def test_evaluate_scores_with_an_interval_and_draws_what_was_confused(
    model, flowers, tmp_path, capfd
):
    capfd.readouterr()
    assert run(["evaluate", model, "--data", str(flowers), "--json"]) == 0

    document = json.loads(capfd.readouterr().out)
    accuracy = document["metrics"]["accuracy"]
    assert (document["task"], document["n"]) == ("table", 150)
    assert 0.9 < accuracy["low"] < accuracy["value"] < accuracy["high"] <= 1
    assert (tmp_path / "evaluation-flowers/confusion.png").exists()


MISTAKES = {
    "no such table": (["compare", "irsi"], "write iris"),
    "a file that is gone": (["compare", "gone.csv", "--target", "a"], "gone.csv: there is no such"),
    "no target": (["compare", "flowers.csv"], "with --target: width, colour, kind"),
    "a misspelt target": (["compare", "flowers.csv", "--target", "knid"], "write kind"),
    "a misspelt feature": (
        ["compare", "iris", "--features", "petal widt (cm)"],
        "write petal width",
    ),
    "a misspelt classifier": (
        ["compare", "iris", "--only", "desicion-tree"],
        "write decision-tree",
    ),
    "a quantity": (["compare", "iris", "--target", "petal length (cm)"], "which are no classes"),
    "too many folds": (["compare", "iris", "--folds", "60"], "run with --folds 50"),
}


@pytest.mark.parametrize(("line", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_a_sentence_and_leaves_nothing(line, reason, flowers, tmp_path, capfd):
    assert run(line) == 2

    shown = capfd.readouterr()
    assert reason in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["flowers.csv"]


def test_inputs_that_do_not_fit_the_model_are_sentences(model, flowers, tmp_path, capfd):
    (tmp_path / "narrow.csv").write_text("width,kind\n1,setosa\n")
    (tmp_path / "green.csv").write_text("width,colour,kind\n1,green,setosa\n")
    (tmp_path / "tulip.csv").write_text("width,colour,kind\n1,blue,tulip\n")
    lines = {
        "there is no column 'colour'": ["predict", model, "narrow.csv"],
        "green.csv:2: 'green' in the column 'colour'": ["predict", model, "green.csv"],
        "2 inputs, and this model": ["predict", model, "green.csv", "narrow.csv"],
        "this is no table by its name": ["predict", model, "picture.png"],
        "no pictures": ["watch", model, "--source", str(tmp_path)],
        "name a labelled table with --data": ["evaluate", model],
        "tulip.csv:2: the class 'tulip'": ["evaluate", model, "--data", "tulip.csv"],
        "there is no column 'kind'": ["evaluate", model, "--data", str(tmp_path / "new.csv")],
    }
    (tmp_path / "new.csv").write_text("width,colour\n1,blue\n")
    for reason, line in lines.items():
        capfd.readouterr()
        assert run(line) == 2
        assert reason in capfd.readouterr().err


def test_the_robot_needs_neither_scikit_learn_nor_polars_nor_torch(model, flowers, tmp_path):
    """`predict` and `evaluate` of a CSV, with the libraries of training hidden."""
    program = (
        "import sys\n"
        "for name in ('sklearn', 'scipy', 'polars', 'torch', 'onnx', 'skl2onnx', 'pandas'):\n"
        "    sys.modules[name] = None\n"
        "from akitsu.cli import run\n"
        f"assert run(['predict', {model!r}, {str(flowers)!r}]) == 0\n"
        f"sys.exit(run(['evaluate', {model!r}, '--data', {str(flowers)!r}]))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "accuracy" in done.stdout
