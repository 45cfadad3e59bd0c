"""What every figure keeps: a file of its name, one sentence, numbers for JSON, nothing replaced."""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

import pytest
from PIL import Image

from akitsu.classic import figures
from akitsu.classic.figures.registry import entries, entry
from akitsu.errors import OutputError, RecipeError

NAMES = list(entries())
HELPERS = {"petals", "registry", "settings"}


def test_every_file_is_the_figure_of_its_name_or_helps_one():
    files = {module.name for module in pkgutil.iter_modules(figures.__path__)}

    assert files - HELPERS == {name.replace("-", "_") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_a_picture_beside_a_sentence_and_finite_numbers(name, written):
    document = written(name)

    with Image.open(document["files"][0]) as picture:
        colours = picture.convert("RGB").getcolors(maxcolors=1000)
        assert min(picture.size) > 300
    assert Path(document["files"][0]).stat().st_size < 100_000
    assert all(Path(path).stat().st_size for path in document["files"])
    assert len(colours) > 20  # more than an empty sheet
    assert document["sees"].count(".") - document["sees"].count(".5") == 1
    assert document["sees"].endswith(".")
    assert json.loads(json.dumps(document, allow_nan=False))["numbers"]


def test_a_file_that_is_there_is_kept_and_named(tmp_path):
    old = tmp_path / "tree.dot"
    old.write_text("mine")

    with pytest.raises(OutputError, match=r"tree\.dot: this file exists already; add --force"):
        entry("tree").write(tmp_path)

    assert old.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [old]


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(RecipeError, match="there is no figure 'gama'; write gamma"):
        entry("gama")
