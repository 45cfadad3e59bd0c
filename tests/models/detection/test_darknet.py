"""Networks of Darknet: equal to OpenCV's reader, to loops, and to what paper says."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import ModelFileError
from akitsu.models.detection.darknet import Darknet
from akitsu.models.detection.darknet_cfg import parse_cfg
from akitsu.models.detection.darknet_heads import AnchorHead, GridHead
from akitsu.models.detection.darknet_layers import (
    LocallyConnected,
    MaxPool,
    Reorganise,
    Shortcut,
    pooled_side,
)
from akitsu.weights.darknet_weights import Header, write_weights
from tests.models.detection.darknet_nets import ALL, NET, REGION, YOLO, network


def in_our_order(rows, size_hw, anchors):
    """OpenCV's rows cell by cell as ours, anchor by anchor."""
    height, width = size_hw
    rows = rows.reshape(height * width, anchors, -1)
    return rows.transpose(1, 0, 2).reshape(anchors * height * width, -1)


@pytest.mark.parametrize(
    ("text", "heads"),
    [(YOLO, [((8, 8), 2), ((16, 16), 1)]), (REGION, [((8, 8), 2)])],
    ids=["yolo", "region"],
)
def test_a_network_answers_as_in_opencvs_own_reader(tmp_path, text, heads):
    """It writes 0 for scores up to 0.2, and in [region] for boxes that better ones overlap."""
    mine = network(text)
    (tmp_path / "a.cfg").write_text(text)
    write_weights(tmp_path / "a.weights", mine, Header(seen=7))
    theirs = cv2.dnn.readNetFromDarknet(str(tmp_path / "a.cfg"), str(tmp_path / "a.weights"))
    images = np.random.default_rng(0).random((1, 3, 32, 32), np.float32)

    theirs.setInput(images)
    outputs = theirs.forward(theirs.getUnconnectedOutLayersNames())
    with torch.no_grad():
        rows = mine(torch.from_numpy(images))[0].numpy()

    wanted = np.concatenate(
        [in_our_order(o, *head) for o, head in zip(outputs, heads, strict=True)]
    )
    assert rows.shape == wanted.shape
    assert rows[:, :5] == pytest.approx(wanted[:, :5], abs=1e-5)
    shown = wanted[:, 5:] > 0
    assert shown.mean() > 0.1
    assert text == REGION or (shown == (rows[:, 5:] > 0.2)).all()
    assert rows[:, 5:][shown] == pytest.approx(wanted[:, 5:][shown], abs=1e-5)


def test_layers_are_counted_with_the_dropout_between_them():
    """Ones in, filters of known sums: what routes and shortcuts give can be added up by hand."""
    text = """[net]
width=4
height=4
channels=1
[convolutional]
activation=linear
[dropout]
[convolutional]
activation=linear
[shortcut]
from=0
[dropout]
[route]
layers=-2,0,2
[convolutional]
filters=6
activation=linear
[yolo]
mask=0
anchors=1,1
classes=1
"""
    made = Darknet(parse_cfg(text, file="a.cfg")).eval()
    with torch.no_grad():
        for number, (weight, bias) in {0: (2.0, 0.0), 2: (3.0, 1.0)}.items():
            convolution = made.layers[number].module[0]
            convolution.weight.fill_(weight)
            convolution.bias.fill_(bias)
        seen = []
        made.layers[6].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        made(torch.ones(1, 1, 4, 4))

    # Layer 0: 2. Layer 2: 3 * 2 + 1 = 7. Layer 3: 7 + 2 = 9. The route names layers 3, 0 and 2.
    assert seen[0][0, :, 0, 0].tolist() == [9, 2, 7]


def test_unlike_channels_share_the_first_ones():
    shortcut = Shortcut(0, torch.nn.Identity())
    few, many = torch.ones(1, 2, 1, 1), torch.full((1, 3, 1, 1), 10.0)

    assert shortcut(many, {0: few}).flatten().tolist() == [11, 11, 10]
    assert shortcut(few, {0: many}).flatten().tolist() == [11, 11]


@given(
    side=st.integers(1, 12),
    size=st.integers(1, 5),
    stride=st.integers(1, 3),
    data=st.data(),
)
@settings(deadline=None)
def test_a_pooling_takes_the_largest_that_is_in_the_picture(side, size, stride, data):
    padding = data.draw(st.integers(0, size))
    out = pooled_side(side, size, stride, padding)
    x = torch.randn(1, 2, side, side) - 5  # below 0, so that a border of zeros would win
    if out < 1:
        return

    def window(at):
        first = at * stride - padding // 2
        return slice(max(0, first), max(0, first + size))

    windows = [window(at) for at in range(out)]
    # Where a window holds the border alone there is nothing to take.
    if any(part.start >= side or part.start >= part.stop for part in windows):
        return
    pooled = MaxPool(size, stride, padding, (side, side))(x)
    assert pooled.shape == (1, 2, out, out)
    for i, j in itertools.product(range(out), repeat=2):
        assert torch.equal(pooled[0, :, i, j], x[0, :, windows[i], windows[j]].amax((1, 2)))


def test_reorg_is_the_loop_of_darknet_and_not_pixel_unshuffle():
    batch, channels, side, stride = 2, 8, 6, 2
    x = torch.arange(batch * channels * side * side, dtype=torch.float32)
    flat = torch.zeros_like(x)
    few = channels // stride**2
    places = itertools.product(range(batch), range(channels), range(side), range(side))
    for b, k, j, i in places:
        out = i + side * (j + side * (k + channels * b))
        offset = k // few
        column, row = i * stride + offset % stride, j * stride + offset // stride
        flat[out] = x[column + side * stride * (row + side * stride * (k % few + few * b))]

    maps = x.reshape(batch, channels, side, side)
    shape = (batch, channels * 4, side // 2, side // 2)
    assert torch.equal(Reorganise(2)(maps), flat.reshape(shape))
    assert not torch.equal(Reorganise(2)(maps), torch.nn.functional.pixel_unshuffle(maps, 2))


def test_unshared_weights_are_a_convolution_where_they_are_all_alike():
    local = LocallyConnected(3, 4, 3, 1, 1, (5, 6))
    weight, bias = torch.randn(4, 3, 3, 3), torch.randn(4)
    with torch.no_grad():
        local.weight.copy_(weight.reshape(1, 4, 27).expand(30, 4, 27))
        local.bias.copy_(bias.reshape(4, 1, 1).expand(4, 5, 6))
        x = torch.randn(2, 3, 5, 6)
        wanted = torch.nn.functional.conv2d(x, weight, bias, padding=1)

        assert local(x) == pytest.approx(wanted, abs=1e-5)
        local.weight[7] += 1  # row 1, column 1 of 5 x 6
        changed = (local(x) - wanted).abs().amax((0, 1)) > 1e-3
    assert changed.nonzero().tolist() == [[1, 1]]


def test_yolo_v1_reads_1470_numbers_in_the_order_of_the_paper():
    """Classes first, then confidences, then boxes; rows of cells before columns; roots of sides."""
    head = GridHead(7, 20, 2, rooted=True, softmax=False)
    assert head.inputs == 1470
    x = torch.zeros(1, 1470)
    row, column, box, label = 3, 5, 1, 11
    x[0, (row * 7 + column) * 20 + label] = 0.5
    x[0, 980 + (row * 7 + column) * 2 + box] = 0.8
    x[0, 1078 + ((row * 7 + column) * 2 + box) * 4 :][:4] = torch.tensor([0.25, 0.75, 0.5, 0.6])

    found = head(x)[0, (row * 7 + column) * 2 + box]

    wanted = [(5 + 0.25) / 7, (3 + 0.75) / 7, 0.25, 0.36, 0.8]
    assert found[:5].tolist() == pytest.approx(wanted)
    assert found[5 + label] == pytest.approx(0.4)
    assert found[5:].sum() == found[5 + label]


@pytest.mark.parametrize("extreme", [-1000.0, 1000.0])
def test_centres_stay_in_their_cell_however_far_the_numbers_go(extreme):
    head = AnchorHead([(0.1, 0.2)], 1, softmax=True)
    x = torch.full((1, 6, 4, 5), extreme)
    x[:, 2:4] = 0

    rows = head(x)[0].reshape(4, 5, 6)

    assert torch.isfinite(rows).all()
    cells = (rows[..., :2] * torch.tensor([5, 4])).round(decimals=4)
    corner = torch.stack(torch.meshgrid(torch.arange(5), torch.arange(4), indexing="xy"), -1)
    assert ((cells - corner >= 0) & (cells - corner <= 1)).all()
    assert rows[..., 2:4].flatten(0, 1).unique(dim=0).tolist() == [pytest.approx([0.1, 0.2])]


def test_the_best_pairs_of_box_and_class_come_first():
    """Against the sort of all pairs, which takes long where there are many."""
    mine = network(YOLO)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        rows = mine(images)
        boxes, scores, labels = mine.decode(images, detections=50)

    assert boxes.shape == (2, 50, 4)
    for picture in range(2):
        pairs = rows[picture, :, 5:]
        wanted, places = pairs.flatten().sort(descending=True, stable=True)
        assert scores[picture] == pytest.approx(wanted[:50])
        best = rows[picture, places[0] // 2]
        centre, sides = best[:2] * 32, best[2:4] * 32
        assert boxes[picture, 0] == pytest.approx(
            torch.cat([centre - sides / 2, centre + sides / 2])
        )
        assert labels[picture, 0] == places[0] % 2
    assert (labels < 2).all()


@pytest.mark.parametrize(
    ("layers", "line", "what"),
    [
        ("[crnn]\n", 5, r"\[crnn\]: akitsu has no such layer"),
        ("[convolutional]\nactivation=mish\n", 6, "no such activation as mish"),
        ("[convolutional]\n\n[route]\nlayers=140\n", 8, "layer 140 is named, and 1 come before"),
        ("[route]\nlayers=-1\n", 6, "layer -1 is named"),
        ("[convolutional]\n[route]\n", 6, "no layer is named"),
        ("[convolutional]\nfilters=9\ngroups=2\n", 7, "2 groups divide"),
        ("[convolutional]\nsize=99\n", 5, "nothing is left of the picture"),
        (
            "[convolutional]\n[yolo]\nmask=0\nanchors=1,1\nclasses=1\n",
            6,
            "filters=1 come .* 6 belong",
        ),
        ("[convolutional]\n[yolo]\nmask=3\nanchors=1,1\n", 7, "beyond the 1 that are there"),
        ("[convolutional]\n[yolo]\nanchors=1,1,1\n", 7, "3 numbers where pairs"),
        ("[convolutional]\n[region]\nanchors=1,1\ntree=a\n", 8, "a tree of classes is not read"),
        ("[connected]\noutput=9\n[convolutional]\n", 7, "gives 9 numbers, and no maps"),
        ("[connected]\noutput=9\n[detection]\nside=2\n", 7, "9 numbers come in where 24 belong"),
        ("[convolutional]\n[maxpool]\nstride=2\n[shortcut]\nfrom=-2\n", 9, "cannot be added"),
        ("[convolutional]\nstride=2\n[route]\nlayers=0\n[reorg]\nstride=3\n", 10, "not to be cut"),
        ("[convolutional]\n", 5, r"no \[yolo\], \[region\] or \[detection\]"),
        ("[connected]\noutput=1000000\n", 5, "weights are more than a network has"),
    ],
)
def test_what_is_no_network_is_named_with_its_section_and_line(layers, line, what):
    with pytest.raises(ModelFileError, match=rf"^a\.cfg:{line}: .*{what}"):
        Darknet(parse_cfg(NET + layers, file="a.cfg"))


@pytest.mark.parametrize("name", ALL)
def test_any_picture_size_of_the_batch_gives_as_many_boxes_as_the_heads_say(name):
    mine = network(ALL[name])

    with torch.no_grad():
        rows = mine(torch.rand(3, 3, 32, 32))

    boxes = {"yolo": 8 * 8 * 2 + 16 * 16, "region": 8 * 8 * 2, "detection": 2 * 2 * 2}
    assert rows.shape == (3, boxes[name], 5 + mine.classes)
