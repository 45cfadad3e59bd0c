"""The steps of examples/classic say what docs/guides/classic-figures.md says that they say."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/classic"
GUIDE = ROOT / "docs/guides/classic-figures.md"
STEPS = sorted(path.name for path in FOLDER.glob("*.py"))

# The counts of scikit-learn 1.9; test_classifiers.py holds the classifiers to them one by one.
SAID = {
    "01_perceptron.py": ["misclassified: 9 of 45", "accuracy: 0.80"],
    "02_logistic_regression.py": [
        "[0.12 0.5  0.88]",
        "misclassified: 1",
        "C = 1: the weights are 4",
    ],
    "03_linear_svm.py": ["misclassified: 1", "support vectors: [-1.  1.]", "nearest: |f| = 1.00"],
    "04_kernel_svm.py": [
        "linear, lifted: 0.9",
        "gamma 100: 99.0% of the flowers learnt from, 80.0%",
    ],
    "05_impurities.py": ["[0.    0.469 1.   ]", "{'A': 0.25, 'B': 0.25}"],
    "06_decision_tree.py": ["steps: ['model']", "misclassified: 1", "at most 0.75?", "0.91 bits"],
    "07_random_forest.py": ["misclassified: 2", "each tree alone: 9,"],
    "08_neighbours.py": ["misclassified: 0", "'setosa': 5", "k = 105: 24.4%"],
}


def test_every_step_is_run_here():
    assert list(SAID) == STEPS


@pytest.mark.parametrize("name", STEPS)
def test_a_step_says_what_it_is_for(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    runpy.run_path(str(FOLDER / name), run_name="__main__")

    shown = capsys.readouterr().out
    assert [words for words in SAID[name] if words not in shown] == []


def test_the_tree_leaves_its_picture_and_its_dot_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    runpy.run_path(str(FOLDER / "06_decision_tree.py"), run_name="__main__")

    files = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert files == ["tree.dot", "tree.png"]


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_short_says_how_to_run_it_and_is_on_the_page(name):
    text, page = (FOLDER / name).read_text("utf-8"), GUIDE.read_text("utf-8")

    assert len(text.splitlines()) < 40
    assert f"python examples/classic/{name}" in text
    assert f'--8<-- "examples/classic/{name}"' in page


def test_every_figure_is_shown_on_the_page_beside_what_one_sees():
    from akitsu.classic.figures.registry import entries

    page = GUIDE.read_text(encoding="utf-8")

    shown = dict(re.findall(r"^!\[([^\]]+)\]\(\.\./pictures/classic/([\w-]+)\.png\)$", page, re.M))
    assert {name: sees for sees, name in shown.items()} == {
        each.name: each.sees for each in entries().values()
    }
    pictures = ROOT / "docs/pictures/classic"
    assert {path.stem for path in pictures.iterdir()} == set(shown.values())
