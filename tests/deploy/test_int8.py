"""An int8 file: what is computed in 8 bits, what it was calibrated on, what it says it costs."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import akitsu
from akitsu.deploy.int8 import Calibration, write_int8
from akitsu.errors import DataError, ModelFileError
from akitsu.runtime.recognizer import Recognizer

from .colour_network import Pictures, write


def make(folder, *, calibration=None, training=24, **network):
    """The outcome of the planted network, its files and its sets."""
    source = write(folder / "float32.onnx", **network)
    sets = Pictures(training, seed=1), Pictures(30, seed=2)
    outcome = write_int8(
        source,
        folder / "int8.onnx",
        training=sets[0],
        validation=sets[1],
        calibration=calibration,
    )
    return outcome, sets


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8")
    return (folder, *make(folder, calibration=Calibration(pictures=8, seed=3)))


def nodes_of(path):
    model = onnx.load(path)
    weights = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    return list(model.graph.node), weights


def test_the_first_and_the_last_layer_stay_in_float(made):
    layers = made[1].layers

    assert layers.int8 == ["two", "three"]
    assert layers.float32 == ["one", "logits"]


def test_nothing_before_the_first_layer_nor_behind_the_last_is_rounded(made):
    nodes, _ = nodes_of(made[0] / "int8.onnx")
    rounded = {node.input[0] for node in nodes if node.op_type == "QuantizeLinear"}

    assert rounded & {"one", "one+"}
    assert not rounded & {"floats", "shares", "chw", "logits", "probabilities"}


def test_weights_have_seven_bits_so_that_no_cpu_overflows(made):
    _, weights = nodes_of(made[0] / "int8.onnx")
    eight = [each for each in weights.values() if each.dtype == np.int8 and each.ndim == 4]

    assert len(eight) == 2
    assert all(np.abs(each.astype(int)).max() == 64 for each in eight)


def test_each_output_channel_has_a_scale_of_its_own(made):
    _, weights = nodes_of(made[0] / "int8.onnx")
    scales = [each for name, each in weights.items() if name.endswith("second_scale")]

    assert [each.shape for each in scales] == [(4,)]


def test_akitsu_load_opens_it_and_it_answers_nearly_as_the_float_file(made):
    folder, _, (_, validation) = made
    frames = [sample.image for sample in validation.samples]
    before, after = (akitsu.load(folder / f"{name}.onnx") for name in ("float32", "int8"))

    apart = [
        np.abs(one.probabilities - other.probabilities).max()
        for one, other in zip(before.batch(frames), after.batch(frames), strict=True)
    ]

    assert 0 < max(apart) < 0.03


def test_calibration_takes_so_many_pictures_of_the_training_set_alone(made):
    _, _, (training, validation) = made

    assert len(training.asked) == 8
    assert training.asked == sorted(set(training.asked))
    assert sorted(validation.asked) == sorted(2 * [*range(30)])  # scored twice, and no more


def test_the_seed_says_which_pictures_calibrate():
    pictures = Pictures(24, seed=0)
    one, same, other = (Calibration(6, seed).draw(pictures) for seed in (0, 0, 1))

    assert one == same != other


def test_the_file_states_its_own_scores_and_what_it_lost(made):
    folder, outcome, _ = made
    card = Recognizer(folder / "int8.onnx").card

    assert card == outcome.card
    loss = card.quantisation["loss"]
    assert loss["metric"] == "accuracy"
    assert loss["difference"]["value"] == loss["int8"]["value"] - loss["float32"]["value"]
    assert card.scores["accuracy"] == loss["int8"]
    assert card.quantisation["calibration_pictures"] == 8
    assert card.quantisation["seed"] == 3
    assert card.quantisation["layers"] == {"int8": 2, "float32": 2}


def test_a_file_that_loses_too_much_is_refused_and_shown(tmp_path):
    """A map 10,000 times as bright takes all 256 steps: the colours round to nothing."""
    shown = []
    source = write(tmp_path / "float32.onnx", loud=10_000)

    with pytest.raises(ModelFileError, match=r"loses 66\.67 points of accuracy, where at most 1 "):
        write_int8(
            source,
            tmp_path / "int8.onnx",
            training=Pictures(9, seed=1),
            validation=Pictures(30, seed=2),
            show=shown.append,
        )

    assert [path.name for path in tmp_path.iterdir()] == ["float32.onnx"]
    assert shown[0].difference.value == pytest.approx(-2 / 3)


def test_a_loss_that_is_accepted_is_written_and_stated(tmp_path):
    make(tmp_path, loud=10_000, calibration=Calibration(most_loss=70))

    loss = Recognizer(tmp_path / "int8.onnx").card.quantisation["loss"]
    assert loss["difference"]["value"] == pytest.approx(-2 / 3)


def test_no_picture_to_calibrate_on_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="the training set has no pictures, and int8 needs some"):
        make(tmp_path, training=0)


def test_a_network_of_two_layers_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="colours: this network has no layer with weights be"):
        make(tmp_path, middle=False)


def test_an_int8_file_is_not_rounded_again(made, tmp_path):
    sets = Pictures(3, seed=1), Pictures(3, seed=2)

    with pytest.raises(ModelFileError, match=r"int8\.onnx: this file is in int8 already"):
        write_int8(
            made[0] / "int8.onnx", tmp_path / "again.onnx", training=sets[0], validation=sets[1]
        )


def test_onnxruntime_s_quantisation_keeps_still(tmp_path, caplog):
    handlers = list(logging.getLogger().handlers)

    make(tmp_path)

    assert not caplog.records
    assert logging.getLogger().handlers == handlers
