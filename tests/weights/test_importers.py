"""Foreign files are recognised by looking, and become model files that answer as their networks."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import squeezenet1_1

import akitsu
from akitsu.cli import run
from akitsu.deploy.foreign import import_file
from akitsu.errors import ModelFileError, OutputError, RecipeError
from akitsu.models import registry
from akitsu.weights.importers import Said, find_importer, importers
from tests.weights.test_chainer_npz import arrays, saved


def digit_weights():
    torch.manual_seed(0)
    return registry.build("digit-cnn", 10, in_channels=1, input_hw=(28, 28)).state_dict()


@pytest.mark.parametrize("importer", importers().values(), ids=importers())
def test_every_importer_says_what_it_reads_and_takes_no_other_file(importer, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing of the kind")

    assert importer.describe
    assert not importer.recognises(tmp_path / "notes.txt")


@pytest.mark.parametrize("content", [b"notes", b"\0" * 200, b"PK\3\4" + b"x" * 50])
def test_an_unknown_file_is_answered_with_the_kinds_there_are(tmp_path, content):
    path = tmp_path / "strange.bin"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"chainer-npz: .*; check that it was copied whole"):
        find_importer(path)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_state_dict_of_a_named_network_is_loaded_whole(tmp_path, suffix):
    weights, path = digit_weights(), tmp_path / f"digits{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": each for key, each in weights.items()}}, path)
    else:
        save_file(weights, path)

    imported = find_importer(path).load(path, Said(model="digit-cnn", input_hw=(28, 28)))

    assert find_importer(path).name == "state-dict"
    assert (imported.channels, imported.classes) == (1, tuple("0123456789"))
    for key, tensor in imported.model.state_dict().items():
        torch.testing.assert_close(tensor, weights[key], rtol=0, atol=0)


def test_torchvisions_squeezenet_loads_under_its_own_name_and_under_ours(tmp_path):
    torch.manual_seed(0)
    theirs, path = squeezenet1_1(num_classes=5).eval(), tmp_path / "mine.pth"
    torch.save(theirs.state_dict(), path)
    said = Said(model="squeezenet1_1", classes=tuple("abcde"))

    imported = find_importer(path).load(path, said)

    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(imported.model(images), theirs(images))
    assert (imported.fit, imported.mean) == ("stretch", (0.485, 0.456, 0.406))


def test_a_state_dict_without_a_network_is_asked_for_one(tmp_path):
    save_file(digit_weights(), tmp_path / "a.safetensors")

    with pytest.raises(RecipeError, match="--model: a state dict does not say of which network"):
        find_importer(tmp_path / "a.safetensors").load(tmp_path / "a.safetensors", Said())


def test_a_tensor_too_many_and_one_too_few_are_named(tmp_path):
    path, said = tmp_path / "a.safetensors", Said(model="digit-cnn", input_hw=(28, 28))
    more = digit_weights() | {"9.weight": torch.zeros(1)}
    fewer = {key: each for key, each in digit_weights().items() if key != "3.bias"}

    for weights, sentence in ((more, "no layer for 9.weight"), (fewer, "there is no 3.bias")):
        save_file(weights, path)
        with pytest.raises(ModelFileError, match=sentence):
            find_importer(path).load(path, said)


def test_an_empty_file_is_told_so(tmp_path):
    (tmp_path / "a.net").write_bytes(b"")

    with pytest.raises(ModelFileError, match=r"a\.net: is empty; check that it was copied whole"):
        find_importer(tmp_path / "a.net")


class Evil:
    def __reduce__(self):
        return print, ("unpickled",)


def test_a_pickle_that_would_run_code_is_refused_unopened(tmp_path, capsys):
    path = tmp_path / "evil.pth"
    torch.save({"a": Evil()}, path, pickle_module=pickle)

    with pytest.raises(ModelFileError, match=r"evil\.pth"):
        find_importer(path).load(path, Said(model="digit-cnn"))
    assert "unpickled" not in capsys.readouterr().out


def test_the_verb_writes_a_model_file_that_answers_as_the_network(tmp_path, capsys):
    path, output = saved(tmp_path / "digits.npz", arrays()), tmp_path / "digits.onnx"
    said = ["--licence", "CC0", "--json"]

    assert run(["import", str(path), "--output", str(output), *said]) == 0

    recognizer = akitsu.load(output)
    assert recognizer.card.to_json() == capsys.readouterr().out.strip()
    assert recognizer.card.provenance["imported"] == "chainer-npz"
    assert recognizer.card.licence == "CC0"
    frame = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    model = find_importer(path).load(path, Said()).model
    wanted = model(torch.from_numpy(frame)[None, None] / 255).softmax(1)[0].detach()
    np.testing.assert_allclose(recognizer(frame).probabilities, wanted, atol=1e-5)


def test_a_model_file_that_is_there_is_not_replaced_unasked(tmp_path):
    path, output = saved(tmp_path / "digits.npz", arrays()), tmp_path / "digits.onnx"
    output.write_text("precious")

    with pytest.raises(OutputError, match="add --force"):
        import_file(path, output)
    assert output.read_text() == "precious"


def test_a_broken_file_leaves_nothing_behind(tmp_path, capsys):
    file = arrays()
    del file["conv1/b"]
    path = saved(tmp_path / "digits.npz", file)

    assert run(["import", str(path), "--output", str(tmp_path / "digits.onnx")]) == 2
    assert "there is no conv1/b" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["digits.npz"]


@pytest.mark.parametrize("mean", ["a", "0.5,,0.5"])
def test_a_mean_that_is_no_list_of_numbers_is_a_sentence(tmp_path, capsys, mean):
    path = saved(tmp_path / "digits.npz", arrays())

    assert run(["import", str(path), "--mean", mean]) == 2
    assert "--mean" in capsys.readouterr().err


@pytest.mark.shared
def test_the_published_squeezenet_scores_as_specified(shared_data, tmp_path, capsys):
    """66 and 83 of 100 photos, and a loss of 1.690: decoder, channels, mean and crop at once."""
    output = tmp_path / "squeezenet.onnx"
    import_file(shared_data / "weights/squeezenet_v1.0_deep_compression.net", output)
    command = ["evaluate", str(output), "--data", str(shared_data / "imagenet100"), "--json"]

    assert run(command) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["n"] == 100
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(0.66)
    assert document["metrics"]["top5_accuracy"]["value"] == pytest.approx(0.83)
    assert document["metrics"]["log_loss"]["value"] == pytest.approx(1.690, abs=0.002)
    card = akitsu.load(output).card
    assert (card.licence, card.classes[0], len(card.classes)) == ("BSD-2-Clause", "tench", 1000)
