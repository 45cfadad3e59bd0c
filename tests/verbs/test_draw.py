"""What a person sees of `akitsu draw`."""

from __future__ import annotations

import json

import pytest

from akitsu.classic.figures.registry import entries
from akitsu.cli import run


def test_without_a_name_it_lists_all_figures_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    assert run(["draw"]) == 0

    shown = capsys.readouterr().out
    assert all(each.name in shown and each.sees in shown for each in entries().values())
    assert list(tmp_path.iterdir()) == []


def test_the_list_as_json_has_names_and_sentences(capsys):
    assert run(["draw", "--json"]) == 0

    listed = json.loads(capsys.readouterr().out)
    assert listed == [{"name": each.name, "sees": each.sees} for each in entries().values()]


def test_each_file_is_named_beside_what_one_sees(tmp_path, capsys):
    assert run(["draw", "tree", "impurities", "tree", "--output", str(tmp_path / "new")]) == 0

    tree, impurities = capsys.readouterr().out.splitlines()
    assert tree.endswith(f"tree.dot: {entries()['tree'].sees}")
    assert impurities == f"{tmp_path / 'new' / 'impurities.png'}: {entries()['impurities'].sees}"
    files = {path.name for path in (tmp_path / "new").iterdir()}
    assert files == {"tree.png", "tree.dot", "impurities.png"}


def test_json_holds_the_numbers_and_nothing_else_is_printed(tmp_path, capsys):
    assert run(["draw", "logistic-function", "--output", str(tmp_path), "--json"]) == 0

    (document,) = json.loads(capsys.readouterr().out)
    assert document["files"] == [str(tmp_path / "logistic-function.png")]
    assert document["numbers"]["p"][70] == 0.5


def test_nothing_is_drawn_where_one_file_would_be_replaced(tmp_path, capsys):
    old = tmp_path / "tree.dot"
    old.write_text("mine")
    line = ["draw", "impurities", "tree", "--output", str(tmp_path)]

    assert run(line) == 2
    assert "tree.dot: this file exists already; add --force" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [old]

    assert run([*line, "--force"]) == 0
    assert old.read_text().startswith("digraph")


def test_all_draws_every_figure(tmp_path, monkeypatch):
    drawn = []
    kind = type(entries()["tree"])
    monkeypatch.setattr(
        kind, "write", lambda self, _, force: drawn.append(self.name) or {"files": []}
    )

    assert run(["draw", "--all", "--output", str(tmp_path)]) == 0

    assert drawn == list(entries())


@pytest.mark.parametrize(("words", "said"), [(["gamma", "--all"], "--all"), (["gama"], "gamma")])
def test_a_wrong_line_is_a_mistake(words, said, tmp_path, capsys):
    assert run(["draw", *words, "--output", str(tmp_path)]) == 2

    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
