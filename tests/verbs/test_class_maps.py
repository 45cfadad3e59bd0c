"""`akitsu predict RUN pictures/ --cam` as a person types it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from akitsu.cli import run
from akitsu.data.generated.digits_table import digits_table
from akitsu.recipes import directory
from akitsu.recipes.trained import build_network
from akitsu.runtime.card import ModelCard
from akitsu.training.weights import save_weights
from tests.runtime import onnx_files

SETTINGS = [
    "model.name=gap-net",
    "model.widths=[8, 8, 16]",
    "model.input_hw=[16, 16]",
    "stop=[4, iteration]",
    "extensions.evaluate=[4, iteration]",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run of a network with class activation maps, and a copy with one without."""
    folder = tmp_path_factory.mktemp("class-maps")
    table = digits_table(folder / "data").train
    line = ["train", "digits", "--data", str(table), "--out", str(folder / "gap-net")]
    for setting in SETTINGS:
        line += ["--set", setting]
    assert run(line) == 0
    _with_another_network(folder / "gap-net", folder / "digit-net")
    picture = np.kron(load_digits().images[3] * 15, np.ones((8, 8))).astype(np.uint8)
    (folder / "photos").mkdir()
    Image.fromarray(picture).save(folder / "photos" / "three.png")
    return folder


def _with_another_network(source, copy):
    shutil.copytree(source, copy)
    path = copy / directory.RECIPE
    path.write_text(path.read_text().replace("gap-net", "digit-net"))
    card = ModelCard.from_json((copy / directory.CARD).read_text(), where=copy)
    network = build_network(directory.read_recipe(copy), card)
    save_weights(network.model.state_dict(), copy / directory.WEIGHTS)


def test_pictures_are_drawn_with_their_maps_and_say_where(trained, tmp_path, capfd):
    output = tmp_path / "out"
    line = ["predict", str(trained / "gap-net"), str(trained / "photos"), "--cam", "--json"]

    assert run([*line, "--output", str(output)]) == 0

    (entry,) = json.loads(capfd.readouterr().out)["predictions"]
    left, top, right, bottom = entry["box"]
    assert 0 <= left < right <= 64
    assert 0 <= top < bottom <= 64
    assert all(0 <= side < 64 for side in entry["peak"])
    drawn = np.asarray(Image.open(output / entry["drawn"]))
    assert drawn.shape == (256, 256, 3)
    assert np.ptp(drawn.astype(int), axis=-1).max() > 50


def refused(line, capfd):
    code = run(["predict", *line, "--cam"])
    shown = capfd.readouterr()
    assert (code, shown.out) == (2, "")
    assert len(shown.err.splitlines()) == 1, shown.err
    return shown.err


def test_a_network_without_class_maps_is_a_sentence_and_leaves_nothing(trained, tmp_path, capfd):
    output = tmp_path / "out"
    line = [str(trained / "digit-net"), str(trained / "photos"), "--output", str(output)]

    assert "does not end in a mean over all positions" in refused(line, capfd)
    assert list(tmp_path.iterdir()) == []


def test_a_model_file_has_no_maps(trained, tmp_path, capfd):
    model = onnx_files.write(tmp_path / "model.onnx", onnx_files.card("classification"))

    told = refused([str(model), str(trained / "photos")], capfd)

    assert "name the folder of its run" in told


@pytest.mark.parametrize(
    "more", [["table.csv"], ["photos", "--output", "rows.parquet"]], ids=["pixels", "rows"]
)
def test_a_table_is_not_drawn_on(trained, capfd, more):
    assert "--cam: class activation maps are drawn on pictures" in refused(
        [str(trained / "gap-net"), *more], capfd
    )
