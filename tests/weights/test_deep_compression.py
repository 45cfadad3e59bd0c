"""Deep-compressed files: there and back exactly, and every broken one is a sentence."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import ModelFileError
from akitsu.models.classification.squeezenet import squeezenet
from akitsu.weights import deep_compression
from akitsu.weights.deep_compression import Coded, Layer, decode, encode, squeezenet_layers

NET = "weights/squeezenet_v1.0_deep_compression.net"
few = settings(max_examples=60, deadline=None)


def coded(codes, *, bits=8, seed=0):
    rng = np.random.default_rng(seed)
    codebook = rng.normal(size=2**bits).astype(np.float32)
    codebook[0] = 0
    return Coded(codes, codebook, rng.normal(size=codes.shape[0]).astype(np.float32))


def with_runs(runs, codes):
    """Zeros as often as `runs` says, with codes that are not 0 between them."""
    line = [0] * runs[0]
    for run, code in zip(runs[1:], codes, strict=False):
        line += [code] + [0] * run
    return np.array(line or [0], np.uint8)


runs = st.lists(st.sampled_from([0, 1, 14, 15, 16, 17, 31, 32, 33, 100]), min_size=1, max_size=12)


@few
@given(runs, st.sampled_from([4, 8]), st.integers(1, 3), st.data())
def test_layers_with_any_runs_of_zeros_come_back_exactly(lengths, bits, outputs, data):
    code = st.integers(1, 2**bits - 1)
    codes = data.draw(st.lists(code, min_size=len(lengths), max_size=len(lengths)))
    line = with_runs(lengths, codes)
    before = {name: coded(np.stack([line] * outputs), bits=bits, seed=outputs) for name in "ab"}
    layers = [Layer(name, before["a"].codes.shape, bits) for name in "ab"]

    after = decode(encode(before), layers, where="x.net")

    for name in "ab":
        np.testing.assert_array_equal(after[name].codes, before[name].codes)
        np.testing.assert_array_equal(after[name].weight, before[name].weight)
        np.testing.assert_array_equal(after[name].bias, before[name].bias)


@pytest.mark.parametrize(
    ("zeros", "gaps"), [(15, [15]), (16, [15, 0]), (17, [15, 1]), (32, [15, 15, 0])]
)
def test_a_run_of_more_than_fifteen_zeros_gets_fillers(zeros, gaps):
    """By hand: 15 fits into 4 bits; the filler itself stands on the sixteenth zero."""
    file = encode({"a": coded(with_runs([zeros, 3], [9])[None])})

    stored, tail = len(gaps), (len(gaps) + 1) // 2
    codes = file[-stored - tail : -tail]
    packed = file[-tail:]
    assert struct.unpack_from("<I", file) == (stored,)
    assert list(codes) == [0] * (stored - 1) + [9]
    assert [half for byte in packed for half in (byte & 15, byte >> 4)][:stored] == gaps


def test_a_four_bit_layer_takes_half_the_bytes_of_its_codes():
    codes = np.full((2, 8), 5, np.uint8)
    empty = 4 + 4 * 2

    assert len(encode({"a": coded(codes, bits=4)})) == empty + 4 * 16 + 16 // 2 + 16 // 2
    assert len(encode({"a": coded(codes, bits=8)})) == empty + 4 * 256 + 16 + 16 // 2


LAYERS = [Layer("fire4/squeeze", (2, 3)), Layer("fire4/expand3x3", (2, 4))]


def small_file():
    first, second = np.array([[1, 0, 2], [0, 0, 3]]), np.array([[0, 0, 0, 7], [0, 0, 0, 9]])
    return encode(
        {"fire4/squeeze": coded(first.astype(np.uint8)), "second": coded(second.astype(np.uint8))}
    )


def changed(at, value):
    content = bytearray(small_file())
    content[at : at + len(value) or None] = value
    return bytes(content)


HOSTILE = {
    "empty": (b"", "0 bytes where the counts of 2 layers alone take 8"),
    "cut in the counts": (small_file()[:7], "7 bytes where"),
    "one byte short": (small_file()[:-1], "bytes where its counts of entries ask for"),
    "one byte long": (small_file() + b"\0", "bytes where its counts of entries ask for"),
    "counts of another network": (
        changed(0, struct.pack("<I", 7)),
        "layer fire4/squeeze: 7 entries for 6 weights",
    ),
    "a gap too wide": (changed(-1, b"\xf3"), "layer fire4/expand3x3: entry 1 at 19 of 8"),
    "no zero at the head of the codebook": (
        changed(8, struct.pack("<f", 0.5)),
        "layer fire4/squeeze: its shared values begin with 0.5",
    ),
    "a value that is no number": (
        changed(12, struct.pack("<f", float("nan"))),
        "layer fire4/squeeze: a shared value or bias is not finite",
    ),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_broken_file_is_named_and_explained(content, reason):
    with pytest.raises(ModelFileError) as caught:
        decode(content, LAYERS, where="x.net")

    assert str(caught.value).startswith("x.net: ")
    assert reason in str(caught.value)


@few
@given(st.binary(max_size=2000))  # 2,072 bytes are the shortest file of two layers
def test_no_bytes_whatever_raise_anything_else(content):
    with pytest.raises(ModelFileError, match=r"x\.net"):
        decode(content, LAYERS, where="x.net")


@few
@given(st.integers(8, len(small_file()) - 1), st.integers(0, 255))
def test_a_changed_byte_gives_layers_of_the_right_shapes_or_a_sentence(at, value):
    try:
        layers = decode(changed(at, bytes([value])), LAYERS, where="x.net")
    except ModelFileError:
        return

    assert [each.weight.shape for each in layers.values()] == [(2, 3), (2, 4)]


def squeezenet_file(*, share=0.02):
    """A file of SqueezeNet's layout with few, random entries."""
    rng = np.random.default_rng(0)
    layers = {}
    for layer in squeezenet_layers():
        codes = rng.integers(1, 256, layer.shape).astype(np.uint8)
        layers[layer.name] = coded(np.where(rng.random(layer.shape) < share, codes, 0))
    return layers


def test_the_layers_are_the_networks_own_in_its_order():
    layers = squeezenet_layers()

    assert [layer.name for layer in layers[:4]] == [
        "conv1", "fire2/squeeze", "fire2/expand1x1", "fire2/expand3x3"
    ]  # fmt: skip
    assert layers[-1] == Layer("conv10", (1000, 512, 1, 1))
    assert len(layers) == 26
    assert sum(layer.size for layer in layers) == 1_244_448
    assert sum(layer.shape[0] for layer in layers) == 3_976


def test_a_file_is_recognised_by_its_counts_and_read_as_a_state_dict(tmp_path):
    layers = squeezenet_file()
    path = tmp_path / "squeezenet.net"
    path.write_bytes(encode(layers))

    assert deep_compression.recognises(path)
    model = squeezenet(1000)
    model.load_state_dict(deep_compression.read(path))

    np.testing.assert_array_equal(
        model.features.fire9.expand3x3.weight.detach(), layers["fire9/expand3x3"].weight
    )
    np.testing.assert_array_equal(model.conv10.bias.detach(), layers["conv10"].bias)
    bgr = model.features.conv1.weight.detach().flip(1)
    np.testing.assert_array_equal(bgr, layers["conv1"].weight)


@pytest.mark.parametrize("content", [b"", b"\0" * 4000, b"\xff" * 4000, b"PK\3\4" * 100])
def test_other_files_are_not_taken_for_one(tmp_path, content):
    path = tmp_path / "other.net"
    path.write_bytes(content)

    assert not deep_compression.recognises(path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ModelFileError, match=r"ghost\.net: no such file or directory; name a file"):
        deep_compression.read(tmp_path / "ghost.net")


@pytest.mark.shared
def test_the_published_file_comes_back_byte_for_byte(shared_data):
    content = (shared_data / NET).read_bytes()
    layers = decode(content, squeezenet_layers(), where=NET)

    assert len(content) == 675_763
    assert encode(layers) == content


@pytest.mark.shared
def test_the_published_file_holds_the_specified_values(shared_data):
    layers = decode((shared_data / NET).read_bytes(), squeezenet_layers(), where=NET)

    conv1, expand = layers["conv1"], layers["fire2/expand3x3"]
    np.testing.assert_allclose(
        conv1.weight.ravel()[:3], [0.14152144, 0.09867926, 0.05103114], atol=1e-6
    )
    assert conv1.weight.sum(dtype=np.float64) == pytest.approx(-0.565541, abs=1e-5)
    assert conv1.bias.sum(dtype=np.float64) == pytest.approx(34.28155, abs=1e-4)
    assert np.count_nonzero(expand.weight) == 3_039
    assert layers["conv10"].weight.sum(dtype=np.float64) == pytest.approx(-1765.98885, abs=1e-3)
    assert np.count_nonzero(layers["conv10"].weight) == 102_323
    assert sum(np.count_nonzero(each.weight) for each in layers.values()) == 415_921


@pytest.mark.shared
def test_every_filler_of_the_published_file_has_a_full_gap(shared_data):
    """6,162 of them: the difference between what is stored and what is not 0."""
    content = (shared_data / NET).read_bytes()
    counts = struct.unpack_from("<26I", content)
    layers = decode(content, squeezenet_layers(), where=NET)

    fillers = sum(counts) - sum(np.count_nonzero(each.codes) for each in layers.values())
    runs = [
        sum((after - before - 1) // 16 for before, after in pairwise([-1, *np.flatnonzero(each)]))
        for each in (layer.codes.ravel() for layer in layers.values())
    ]
    assert fillers == sum(runs) == 6_162


def test_reading_leaves_the_global_random_state_alone(tmp_path):
    path = tmp_path / "squeezenet.net"
    path.write_bytes(encode(squeezenet_file()))
    torch.manual_seed(0)
    wanted = torch.rand(1)
    torch.manual_seed(0)

    deep_compression.read(path)

    assert torch.rand(1) == wanted
