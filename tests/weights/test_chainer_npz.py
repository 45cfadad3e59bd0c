"""Files of Chainer's save_npz, as NumPy writes them, answer in our networks as Chainer's did."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from akitsu.errors import ModelFileError, RecipeError
from akitsu.models import registry
from akitsu.weights import chainer_npz
from akitsu.weights.importers import Said, find_importer

CNN = {"conv1": (32, 1, 5, 5), "conv2": (64, 32, 5, 5), "l1": (10, 1024)}


def arrays(shapes=CNN, prefix=""):
    rng = np.random.default_rng(0)
    file = {}
    for name, shape in shapes.items():
        file[f"{prefix}{name}/W"] = 0.1 * rng.normal(size=shape).astype(np.float32)
        outputs = shape[1] if name.startswith("upsample") else shape[0]
        file[f"{prefix}{name}/b"] = rng.normal(size=outputs).astype(np.float32)
    return file


def saved(path, file):
    buffer = io.BytesIO()
    np.savez(buffer, **file)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize("prefix", ["", "predictor/", "updater/model:main/predictor/"])
def test_the_digit_reader_answers_as_in_chainer(tmp_path, prefix):
    """The network of the source notes, step by step; it saved its file as digit-learn5.data."""
    file = arrays(prefix=prefix) | {"updater/iteration": np.array(5)}
    path = saved(tmp_path / "digit-learn5.data", file)
    images = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    model = find_importer(path).load(path, Said()).model

    given = {key.removeprefix(prefix): torch.from_numpy(value) for key, value in file.items()}
    h = F.max_pool2d(F.conv2d(images, given["conv1/W"], given["conv1/b"]).relu(), 2)
    h = F.max_pool2d(F.conv2d(h, given["conv2/W"], given["conv2/b"]).relu(), 2)
    torch.testing.assert_close(model(images), F.linear(h.flatten(1), given["l1/W"], given["l1/b"]))


def test_the_digits_need_no_class_names_and_other_numbers_of_classes_do(tmp_path):
    path = saved(tmp_path / "digits.npz", arrays())
    assert find_importer(path).load(path, Said()).classes == tuple("0123456789")

    saved(path, arrays(CNN | {"l1": (3, 1024)}))
    with pytest.raises(RecipeError, match="these weights know 3 classes and not their names"):
        find_importer(path).load(path, Said())


def fcn_shapes(classes=4):
    sizes = {2: (96, 16, 64), 3: (128, 16, 64), 4: (128, 16, 128), 5: (256, 32, 128)}
    sizes |= {6: (256, 48, 192), 7: (384, 48, 192), 8: (384, 64, 256), 9: (512, 64, 256)}
    shapes = {"conv1": (96, 3, 7, 7)}
    for number, (channels, squeeze, expand) in sizes.items():
        shapes[f"fire{number}/conv1"] = (squeeze, channels, 1, 1)
        shapes[f"fire{number}/conv2"] = (expand, squeeze, 1, 1)
        shapes[f"fire{number}/conv3"] = (expand, squeeze, 3, 3)
    for name, channels in (("pool1", 96), ("pool4", 256), ("pool9", 512)):
        shapes[f"score_{name}"] = (classes, channels, 1, 1)
    shapes["add_layer"] = (classes, 3 * classes, 1, 1)
    for name, side in (("pool4", 4), ("pool9", 4), ("final", 16)):
        shapes[f"upsample_{name}"] = (classes, classes, side, side)
    return shapes


def test_every_weight_of_the_segmenter_finds_its_layer(tmp_path):
    file = arrays(fcn_shapes())
    path = saved(tmp_path / "fcn.npz", file)

    name, state = chainer_npz.read(path)

    assert name == "squeezenet-fcn"
    model = registry.build(name, 4, in_channels=3, input_hw=(64, 64))
    model.load_state_dict(state)
    assert len(state) == len(file)
    fire9 = model.fire5_to_9[4]
    np.testing.assert_array_equal(fire9.expand3.weight.detach(), file["fire9/conv3/W"])
    np.testing.assert_array_equal(model.up.weight.detach(), file["upsample_final/W"])


def test_the_segmenter_is_imported_with_the_names_that_are_given(tmp_path):
    path = saved(tmp_path / "fcn.npz", arrays(fcn_shapes()))

    imported = find_importer(path).load(path, Said(classes=("sky", "road", "tree", "car")))

    assert (imported.name, imported.task) == ("squeezenet-fcn", "segmentation")
    assert imported.model(torch.zeros(1, 3, 32, 40)).shape == (1, 4, 32, 40)


TINY_YOLO = {
    f"c{2 * number + 1}": (16 * 2**number, 3 if number == 0 else 8 * 2**number, 3, 3)
    for number in range(6)
} | {"c13": (1024, 512, 3, 3), "c14": (1024, 1024, 3, 3), "c15": (1024, 1024, 3, 3)}


def test_tiny_yolo_of_2015_answers_as_in_chainer(tmp_path):
    """YOLOtiny.npz of the source notes, for a picture of one cell; it wants pixels from -1 to 1."""
    dense = {"l16": (256, 1024), "l17": (4096, 256), "l19": (30, 4096)}
    file = arrays(TINY_YOLO | dense)
    file = {key: 0.1 * value if key.endswith("/W") else value for key, value in file.items()}
    path = saved(tmp_path / "YOLOtiny.npz", file)

    imported = find_importer(path).load(path, Said(input_hw=(64, 64)))

    given = {key: torch.from_numpy(value) for key, value in file.items()}
    h = images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for name in TINY_YOLO:
        h = F.leaky_relu(F.conv2d(h, given[f"{name}/W"], given[f"{name}/b"], padding=1), 0.1)
        h = F.max_pool2d(h, 2) if int(name[1:]) < 13 else h
    h = h.flatten(1)
    for name in ("l16", "l17"):
        h = F.leaky_relu(F.linear(h, given[f"{name}/W"], given[f"{name}/b"]), 0.1)
    wanted = F.linear(h, given["l19/W"], given["l19/b"])
    torch.testing.assert_close(imported.model(images)[0], wanted)
    assert (imported.name, imported.task, imported.fit) == (
        "tiny-yolo-v1-2015", "detection", "stretch",
    )  # fmt: skip
    assert imported.mean == imported.std == (0.5, 0.5, 0.5)
    assert imported.classes[14] == "person"
    assert len(imported.classes) == 20


def test_a_layer_that_is_not_there_is_named(tmp_path):
    file = arrays(prefix="predictor/")
    del file["predictor/conv2/b"]
    path = saved(tmp_path / "digits.npz", file)

    with pytest.raises(ModelFileError, match="there is no predictor/conv2/b, which digit-cnn"):
        chainer_npz.read(path)


def test_a_layer_of_another_shape_is_named(tmp_path):
    path = saved(tmp_path / "digits.npz", arrays(CNN | {"conv2": (64, 16, 5, 5)}))

    with pytest.raises(ModelFileError, match=r"3\.weight has shape \(64, 16, 5, 5\) where"):
        find_importer(path).load(path, Said())


def test_a_pickle_inside_is_not_opened_and_its_key_is_named(tmp_path):
    """Chainer saves None for a layer that has met no data yet."""
    file = arrays() | {"conv2/W": np.array(None, dtype=object)}
    path = saved(tmp_path / "digits.npz", file)

    with pytest.raises(ModelFileError, match="conv2/W is no array of numbers; save it again"):
        chainer_npz.read(path)


def test_texts_are_no_weights(tmp_path):
    path = saved(tmp_path / "digits.npz", arrays() | {"conv2/W": np.array(["a"])})

    with pytest.raises(ModelFileError, match="conv2/W is no array of numbers"):
        chainer_npz.read(path)


def test_arrays_that_would_fill_the_memory_are_not_unpacked(tmp_path, monkeypatch):
    path = saved(tmp_path / "digits.npz", arrays())
    monkeypatch.setattr(chainer_npz, "LARGEST", 1000)

    with pytest.raises(ModelFileError, match="bytes, more than any of these networks"):
        chainer_npz.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"nothing"])
def test_what_is_no_archive_is_a_sentence(tmp_path, content):
    path = tmp_path / "digits.npz"
    path.write_bytes(content)

    with pytest.raises(ModelFileError, match=r"digits\.npz: this is no file of save_npz"):
        chainer_npz.read(path)


def test_another_network_is_refused(tmp_path):
    path = saved(tmp_path / "digits.npz", arrays())

    with pytest.raises(RecipeError, match="no names in 'digit-cn'; write digit-cnn"):
        chainer_npz.read(path, "digit-cn")
