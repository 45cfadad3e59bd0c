"""Darknet's .weights: there and back byte for byte, and what does not fit is said in bytes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from akitsu.cli import run
from akitsu.data.formats.registry import read
from akitsu.errors import ModelFileError, OutputError
from akitsu.models.detection.darknet import Darknet
from akitsu.models.detection.darknet_cfg import parse_cfg, read_cfg
from akitsu.runtime.card import ModelCard
from akitsu.runtime.recognizer import Recognizer
from akitsu.scores.evaluate import evaluate
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.weights.darknet_file import DarknetFiles
from akitsu.weights.darknet_names import as_coco, coco_names, voc_names
from akitsu.weights.darknet_weights import Header, read_weights, write_weights
from akitsu.weights.importers import Said, find_importer
from tests.models.detection.darknet_nets import ALL, DETECTION, NET, REGION, YOLO, network

# A learning rate, a momentum and a decay, where newer files have versions.
OLD = Header(*np.array([1e-5, 0.9, 0.0005], "<f4").view("<i4").tolist(), seen=3)
HEADERS = {"long": Header(0, 2, 5, seen=2**40), "short": Header(0, 1, 0, seen=9), "old": OLD}


@pytest.mark.parametrize("head", HEADERS)
@pytest.mark.parametrize("net", ALL)
def test_what_is_written_is_read_again_byte_for_byte(tmp_path, net, head):
    mine, other = network(ALL[net], seed=1), network(ALL[net], seed=2)
    write_weights(tmp_path / "a.weights", mine, HEADERS[head])

    header = read_weights(tmp_path / "a.weights", other)
    write_weights(tmp_path / "b.weights", other, header)

    assert header == HEADERS[head]
    assert (tmp_path / "a.weights").read_bytes() == (tmp_path / "b.weights").read_bytes()
    for name, tensor in mine.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(other.state_dict()[name], tensor), name


def test_the_head_has_16_or_20_bytes_and_the_old_one_dense_weights_inputs_first(tmp_path):
    mine = network(DETECTION)
    dense = mine.layers[4].module[1].weight
    tails = {}
    for name, header in HEADERS.items():
        write_weights(tmp_path / name, mine, header)
        content = (tmp_path / name).read_bytes()
        assert header.size == {"long": 20, "short": 16, "old": 16}[name]
        tails[name] = np.frombuffer(content, "<f4", offset=header.size)[-dense.numel() :]

    assert np.array_equal(tails["long"], dense.detach().numpy().ravel())
    assert np.array_equal(tails["short"], tails["long"])
    assert np.array_equal(tails["old"], dense.detach().numpy().T.ravel())


def test_the_order_within_layers_is_darknets(tmp_path):
    """A convolution has its statistics before the weights, a dense layer after them."""
    text = f"""{NET}
[convolutional]
filters=1
size=32
batch_normalize=1
[connected]
output=1
batch_normalize=1
[connected]
output=7
[detection]
side=1
num=1
classes=2
"""
    mine = Darknet(parse_cfg(text, file="a.cfg"))
    count = (4 + 3 * 32**2) + (1 + 1 + 3) + (7 + 7)
    numbers = np.arange(count, dtype="<f4")
    (tmp_path / "a.weights").write_bytes(Header().to_bytes() + numbers.tobytes())

    read_weights(tmp_path / "a.weights", mine)

    convolution, norm = mine.layers[0].module[:2]
    statistics = [norm.bias, norm.weight, norm.running_mean, norm.running_var]
    assert [each.item() for each in statistics] == [0, 1, 2, 3]
    assert convolution.weight.flatten().tolist() == list(range(4, 4 + 3 * 32**2))
    first = 4 + 3 * 32**2
    _, dense, norm = mine.layers[1].module[:3]
    order = [norm.bias, dense.weight, norm.weight, norm.running_mean, norm.running_var]
    assert [each.item() for each in order] == list(range(first, first + 5))
    dense = mine.layers[2].module[1]
    assert dense.bias.tolist() == list(range(first + 5, first + 12))


def test_the_first_layers_alone_can_be_read(tmp_path):
    mine, other = network(REGION, seed=1), network(REGION, seed=2)
    write_weights(tmp_path / "all", mine, Header())
    content = (tmp_path / "all").read_bytes()
    first = 4 * 4 + 4 * 3 * 9  # four statistics of four filters, and their weights
    (tmp_path / "few").write_bytes(content[: Header().size + 4 * first])

    read_weights(tmp_path / "few", other, layers=2)

    assert torch.equal(other.layers[0].module[0].weight, mine.layers[0].module[0].weight)
    assert not torch.equal(other.layers[2].module[0].weight, mine.layers[2].module[0].weight)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda content: content[:-4], r"[\d,]+ bytes where the network wants [\d,]+"),
        (lambda content: content + b"\0" * 4, r"[\d,]+ bytes where the network wants [\d,]+"),
        (lambda content: content[:-3], "no whole number of float32"),
        (lambda content: content[:10], "10 bytes are no weights"),
        (lambda content: content[:16], "16 bytes are no weights"),
        (lambda content: b"", "0 bytes are no weights"),
    ],
)
def test_a_file_of_another_length_is_refused_and_changes_nothing(tmp_path, change, what):
    mine = network(YOLO, seed=1)
    write_weights(tmp_path / "a.weights", mine, Header())
    (tmp_path / "a.weights").write_bytes(change((tmp_path / "a.weights").read_bytes()))
    before = {name: tensor.clone() for name, tensor in mine.state_dict().items()}

    with pytest.raises(ModelFileError, match=what):
        read_weights(tmp_path / "a.weights", mine)

    assert all(torch.equal(before[name], tensor) for name, tensor in mine.state_dict().items())


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a.weights").write_text("mine")

    with pytest.raises(OutputError):
        write_weights(tmp_path / "a.weights", network(YOLO), Header())

    assert (tmp_path / "a.weights").read_text() == "mine"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tiny.cfg").write_text(YOLO)
    write_weights(tmp_path / "tiny.weights", network(YOLO), Header(0, 2, 5, seen=12))
    return tmp_path


def test_a_cfg_becomes_a_model_file_that_says_what_it_is(files, capfd):
    (files / "two.names").write_text("cat\ndog\n")
    line = ["import", str(files / "tiny.cfg"), str(files / "tiny.weights"), "--json"]
    line += ["--classes", str(files / "two.names"), "--out", str(files / "tiny.onnx")]

    assert run(line) == 0

    recognizer = Recognizer(files / "tiny.onnx")
    card = recognizer.card
    assert (card.task, card.model, card.classes) == ("detection", "tiny", ("cat", "dog"))
    assert (card.input_hw, card.channels, card.fit) == ((32, 32), 3, "quick-stretch")
    assert card.provenance["weights"] == "tiny.weights, Darknet 0.2.5, 12 pictures"
    frame = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    outputs = recognizer.predict_inputs(frame[None])
    images = torch.from_numpy(frame).permute(2, 0, 1)[None] / 255
    with torch.no_grad():
        boxes, scores, labels = network(YOLO).decode(images)
    assert outputs["scores"] == pytest.approx(scores.numpy(), abs=1e-5)
    assert outputs["boxes"][0, :20] == pytest.approx(boxes[0, :20].numpy(), abs=1e-3)
    assert outputs["labels"][0, :20].tolist() == labels[0, :20].tolist()


def test_weights_and_names_beside_the_cfg_are_found(files):
    (files / "tiny.names").write_text("a\nb\n")

    assert find_importer(files / "tiny.cfg").name == "darknet"
    imported = DarknetFiles().load(files / "tiny.cfg", Said())

    assert imported.classes == ("a", "b")
    assert imported.provenance["heads"] == "yolo, yolo"


def test_a_net_that_wants_letterboxed_pictures_gets_them(files):
    (files / "tiny.cfg").write_text(YOLO.replace("channels=3", "channels=3\nletter_box=1"))

    assert DarknetFiles().load(files / "tiny.cfg", Said()).fit == "letterbox"


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (["--model", "resnet18"], "the .cfg says of which network"),
        (["--input-hw", "64", "64"], "the .cfg says 32 x 32"),
        (["--classes", "three.names"], "3 names for the 2 classes"),
    ],
)
def test_what_the_cfg_says_is_not_said_otherwise(files, monkeypatch, capfd, more, what):
    monkeypatch.chdir(files)
    (files / "three.names").write_text("a\nb\nc\n")

    assert run(["import", "tiny.cfg", *more]) == 2

    assert what in " ".join(capfd.readouterr().err.split())
    assert not (files / "tiny.onnx").exists()


def test_weights_that_are_not_there_are_asked_for(files, capfd):
    (files / "tiny.weights").unlink()

    assert run(["import", str(files / "tiny.cfg")]) == 2

    said = " ".join(capfd.readouterr().err.split())
    assert "no tiny.weights beside it" in said
    assert "akitsu import tiny.cfg FILE.weights" in said


def test_names_of_coco_meet_the_labels_of_its_data_sets():
    theirs = list(coco_names())
    for ours, darknets in (("airplane", "aeroplane"), ("tv", "tvmonitor"), ("couch", "sofa")):
        theirs[theirs.index(ours)] = darknets

    assert len(set(coco_names())) == 80
    assert as_coco(tuple(theirs)) == coco_names()
    assert as_coco(voc_names()) == voc_names()
    assert list(voc_names()) == sorted(voc_names())
    assert len(voc_names()) == 20


REAL = {
    "yolo-fastest-1.1": (332_798, 1_384_268, 14_231_680, 80),
    "yolo-fastest-1.1_body": (281_132, 1_177_604, 13_326_656, 1),
}


@pytest.mark.shared
@pytest.mark.parametrize("name", REAL)
def test_the_real_files_are_consumed_to_the_last_byte(shared_data, tmp_path, name):
    folder = shared_data / "weights" / "yolo-fastest"
    parameters, size, seen, classes = REAL[name]
    mine = Darknet(read_cfg(folder / f"{name}.cfg"))

    header = read_weights(folder / f"{name}.weights", mine)
    write_weights(tmp_path / "again", mine, header)

    content = (folder / f"{name}.weights").read_bytes()
    assert sum(each.numel() for each in mine.parameters()) == parameters
    assert (len(content), header, mine.classes) == (size, Header(0, 2, 5, seen), classes)
    again = (tmp_path / "again").read_bytes()
    assert hashlib.sha256(again).digest() == hashlib.sha256(content).digest()


def card_of(imported):
    shape = {"input_hw": imported.input_hw, "channels": imported.channels, "fit": imported.fit}
    return ModelCard(task=imported.task, model=imported.name, classes=imported.classes, **shape)


@pytest.mark.shared
def test_yolo_fastest_finds_what_is_in_photos_and_less_with_red_and_blue_swapped(shared_data):
    """0.37 and 0.29 were seen."""
    imported = DarknetFiles().load(
        shared_data / "weights" / "yolo-fastest" / "yolo-fastest-1.1.cfg", Said()
    )
    card = card_of(imported)
    task = make_task("detection", {})
    network = Network(imported.model, task, mean=imported.mean, std=imported.std).eval()
    photos = read(shared_data / "coco256", "val")

    def swapped(inputs):
        return network.predict_inputs(np.ascontiguousarray(inputs[..., ::-1]))

    found, swapped_found = (
        evaluate(predict, photos, card).values()["map50"]
        for predict in (network.predict_inputs, swapped)
    )

    assert found >= 0.35
    assert found - swapped_found >= 0.04
