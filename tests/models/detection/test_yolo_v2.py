"""YOLOv2: its numbers, its loss in loops, its boxes, and the classes of a tree."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from akitsu.errors import RecipeError
from akitsu.models import registry
from akitsu.models.detection.boxes import box_iou, to_xyxy
from akitsu.models.detection.darknet_heads import AnchorHead
from akitsu.models.detection.darknet_layers import Reorganise
from akitsu.models.detection.wordtree import WordTree
from akitsu.models.detection.yolo_v2 import Passthrough, YoloV2, small_yolo_v2, yolo9000

ANCHORS = ((1.0, 2.0), (3.0, 1.5), (2.5, 2.5))
SIZE_HW = (3, 4)
PARENTS = [-1, 0, 0, -1]


def head(classes=3, *, direct=True, settling=0, tree=None):
    """Cells of 8 pixels without a network before them."""
    none = nn.Sequential()
    return YoloV2(
        none, none, None, none,
        classes=classes, anchors=ANCHORS, stride=8, direct=direct, settling=settling,
        tree=None if tree is None else WordTree(tree),
    ).eval()  # fmt: skip


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(seed, classes=3):
    return noise(2, len(ANCHORS) * (5 + classes), *SIZE_HW, seed=seed)


@pytest.mark.parametrize(
    ("name", "classes", "options", "parameters", "bytes_of_file"),
    [
        ("yolo-v2", 20, {}, 50_655_389, 202_704_260),
        ("yolo-v2", 80, {}, 50_962_889, None),
        ("tiny-yolo-v2", 20, {}, 15_861_773, 63_471_556),
        ("tiny-yolo-v2", 80, {"last": 512}, 11_232_057, None),
        ("yolo9000", 9418, {}, 48_793_101, None),
        ("small-yolo-v2", 3, {}, 99_240, None),
    ],
)
def test_the_networks_have_the_numbers_of_their_pages_and_of_the_authors_files(
    name, classes, options, parameters, bytes_of_file
):
    with torch.device("meta"):
        model = registry.build(
            name, classes, in_channels=3, input_hw=(416, 416), options=options
        ).eval()
        (raw,) = model.raw(torch.zeros(1, 3, 416, 416))

    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == parameters
    assert f"{parameters:,}" in registry.entry(name).page
    assert raw.shape[1] == len(model.anchors) * (5 + classes)
    assert raw.shape[2] == 416 // model.stride
    if bytes_of_file is not None:
        statistics = sum(b.numel() for key, b in model.named_buffers() if "running" in key)
        assert 16 + 4 * (count + statistics) == bytes_of_file


def test_every_box_and_score_is_that_of_the_head_of_a_darknet_file():
    outputs, model = drawn(0), head()
    rows = AnchorHead([(w / 4, h / 3) for w, h in ANCHORS], 3, softmax=True)(outputs)
    model.raw = lambda _: (outputs,)

    boxes, scores, labels = model.decode(torch.zeros(2, 3, 24, 32), detections=10_000)

    wanted, order = rows[..., 5:].flatten(1).sort(1, descending=True)
    torch.testing.assert_close(scores, wanted)
    assert torch.equal(labels, order % 3)
    corners = to_xyxy(rows[..., :4]) * torch.tensor([32, 24, 32, 24])
    torch.testing.assert_close(boxes, corners.gather(1, (order // 3)[..., None].expand(-1, -1, 4)))


def by_loops(model, outputs, boxes, labels):
    """The loss of one picture, prediction by prediction and object by object."""
    rows, columns = SIZE_HW
    numbers, found = {}, {}
    for a, (width, height) in enumerate(ANCHORS):
        for i in range(rows):
            for j in range(columns):
                x, y, w, h, sure, *kinds = outputs[a * 8 : a * 8 + 8, i, j].tolist()
                x, y, sure = (1 / (1 + math.exp(-each)) for each in (x, y, sure))
                numbers[a, i, j] = (x, y, w, h, sure, kinds)
                found[a, i, j] = (j + x, i + y, width * math.exp(w), height * math.exp(h))
    truths = [box for box, label in zip(boxes.tolist(), labels.tolist(), strict=True) if label >= 0]
    kinds_of = [label for label in labels.tolist() if label >= 0]

    def iou(one, other):
        return box_iou(*(to_xyxy(torch.tensor([each])) for each in (one, other))).item()

    total, learned = 0.0, set()
    for (x, y, w, h), kind in zip(truths, kinds_of, strict=True):
        shapes = [iou((0, 0, w, h), (0, 0, *anchor)) for anchor in ANCHORS]
        place = (shapes.index(max(shapes)), int(y), int(x))
        if place in learned:
            continue
        learned.add(place)
        got, anchor = numbers[place], ANCHORS[place[0]]
        wanted = x - int(x), y - int(y), math.log(w / anchor[0]), math.log(h / anchor[1])
        total += (2 - w * h / (rows * columns)) * math.dist(got[:4], wanted) ** 2
        total += 5 * (got[4] - iou(found[place], (x, y, w, h))) ** 2
        total -= math.log(torch.tensor(got[5]).softmax(0)[kind].item())
    for place, box in found.items():
        best = max((iou(box, truth) for truth in truths), default=0)
        if place not in learned and best <= 0.6:
            total += numbers[place][4] ** 2
    return total


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31), st.integers(0, 6))
def test_the_loss_is_that_of_loops_over_predictions_and_objects(seed, count):
    generator = torch.Generator().manual_seed(seed)
    model, outputs = head(), drawn(seed)[:1]
    truths = torch.rand(count, 4, generator=generator) * torch.tensor([4, 3, 3.0, 3])
    truths[..., 2:] += 0.1
    labels = torch.randint(-1, 3, (count,), generator=generator)

    loss = model.losses((outputs,), to_xyxy(truths)[None] * 8, labels[None])["loss"]

    assert loss.item() == pytest.approx(by_loops(model, outputs[0], truths, labels), rel=1e-3)


def test_a_batch_has_the_mean_loss_of_its_pictures():
    model, outputs = head(), drawn(1)
    boxes = torch.tensor([[[2.0, 3, 12, 20], [9, 9, 30, 20]]] * 2)
    labels = torch.tensor([[0, 2], [1, -1]])

    whole = model.losses((outputs,), boxes, labels)["loss"]

    parts = [
        model.losses((outputs[i : i + 1],), boxes[i : i + 1], labels[i : i + 1]) for i in (0, 1)
    ]
    assert whole.item() == pytest.approx((parts[0]["loss"] + parts[1]["loss"]).item() / 2, rel=1e-5)


@pytest.mark.parametrize("direct", [True, False])
@settings(deadline=None, max_examples=20)
@given(
    st.floats(0.01, 3.98), st.floats(0.01, 2.98), st.floats(0.2, 6), st.floats(0.2, 6),
    st.integers(0, 2),
)  # fmt: skip
def test_a_perfect_output_decodes_to_the_truth_and_costs_nothing(direct, x, y, w, h, label):
    model = head(direct=direct)
    truth, labels = torch.tensor([[[x, y, w, h]]]), torch.tensor([[label]])
    slots, _ = model.owned(truth, labels, size_hw=SIZE_HW)
    flat = torch.zeros(1, len(ANCHORS) * 12, 8)
    flat[..., 4] = -30
    wanted = model.wanted(truth, slots, size_hw=SIZE_HW)[0, 0]
    if direct:
        wanted[:2] = wanted[:2].logit(eps=1e-6)
    flat[0, slots[0, 0]] = torch.cat([wanted, torch.full((4,), -30.0)])
    flat[0, slots[0, 0], 4] = flat[0, slots[0, 0], 5 + label] = 30
    outputs = flat.reshape(1, 3, 12, 8).transpose(2, 3).reshape(1, 24, *SIZE_HW)
    model.raw = lambda _: (outputs,)

    boxes, scores, kinds = model.decode(torch.zeros(1, 3, 24, 32))

    assert scores[0, 0].item() == pytest.approx(1)
    assert scores[0, 1] < 1e-6
    assert kinds[0, 0] == label
    assert box_iou(boxes[0, :1], to_xyxy(truth)[0] * 8).item() > 1 - 1e-3
    assert model.losses((outputs,), to_xyxy(truth) * 8, labels)["loss"] < 1e-4


@pytest.mark.parametrize("push", [-1000.0, 1000.0])
def test_a_centre_stays_in_its_cell_whatever_the_network_writes(push):
    outputs = torch.full((1, 24, *SIZE_HW), push)
    numbers = head().numbers(outputs)

    centres = head().cells(numbers, size_hw=SIZE_HW)[..., :2]

    corners = head().cells(head().numbers(outputs * 0), size_hw=SIZE_HW)[..., :2] - 0.5
    assert ((centres >= corners) & (centres <= corners + 1)).all()
    assert head().cells(numbers, size_hw=SIZE_HW).isfinite().all()
    assert head(direct=False).cells(numbers, size_hw=SIZE_HW)[..., :2].abs().min() > 500


def test_the_wanted_certainty_is_the_overlap_and_moves_no_box():
    outputs = drawn(2)[:1].requires_grad_()
    boxes, labels = torch.tensor([[[9.0, 9, 17, 25]]]), torch.tensor([[1]])

    head().losses((outputs,), boxes, labels)["object"].backward()

    assert outputs.grad.nonzero()[:, 1].unique().tolist() == [4]  # to of the first anchor


def test_for_a_while_all_anchors_are_pulled_to_the_middle_of_their_cells():
    model = head(settling=4).train()
    outputs, nothing = (
        torch.zeros(2, 24, *SIZE_HW),
        (torch.zeros(2, 0, 4), torch.zeros(2, 0).long()),
    )
    moved = outputs.clone()
    moved[:, 2] = 1  # w of the first anchor: 12 cells, each 0.01 off

    losses = [
        model.losses((each,), *nothing)["settling"].item() for each in (moved, outputs, moved)
    ]

    assert losses == pytest.approx([0.12, 0, 0])
    assert model.seen == 6
    assert "settling" not in model.eval().losses((moved,), *nothing)


def test_how_many_pictures_were_seen_goes_on_with_a_snapshot():
    model, again = head(settling=9).train(), head(settling=9)
    model.losses((drawn(0),), torch.zeros(2, 0, 4), torch.zeros(2, 0).long())

    again.load_state_dict(model.state_dict())

    assert again.seen == 2


def test_the_passthrough_is_darknets_reorg_or_blocks_of_four_pixels():
    x = noise(1, 8, 6, 10)

    assert torch.equal(Passthrough("darknet")(x), Reorganise(2)(x))
    blocks = Passthrough()(x)
    assert blocks[0, :4, 1, 2].tolist() == x[0, 0, 2:4, 4:6].flatten().tolist()
    assert Passthrough()(noise(1, 4, 5, 7)).shape == (1, 16, 3, 4)


@pytest.mark.parametrize("hw", [(37, 51), (64, 64), (65, 41)])
def test_what_is_passed_on_lies_on_the_last_map_at_every_size(hw):
    model = small_yolo_v2(2, passthrough=True).eval()

    (raw,) = model.raw(torch.zeros(1, 3, *hw))

    assert raw.shape == (1, 3 * 7, -(-hw[0] // 8), -(-hw[1] // 8))


def test_of_a_picture_without_places_the_likeliest_box_learns_the_label_and_what_is_above():
    model, outputs = head(4, tree=PARENTS), torch.zeros(1, 27, *SIZE_HW)
    outputs[0, 9 + 4, 1, 2] = 0.1  # the second anchor of row 1, column 2, is surest: 0.289
    outputs = (outputs - 1).requires_grad_()

    model.label_losses((outputs,), torch.tensor([0]))["loss"].backward()

    sure, root, other_root = 9 + 4, 9 + 5, 9 + 8
    moved = outputs.grad[0].nonzero().tolist()
    assert moved == [[sure, 1, 2], [root, 1, 2], [other_root, 1, 2]]


def test_with_a_tree_a_box_gets_the_one_class_at_which_the_walk_ends():
    model, outputs = head(4, tree=PARENTS), torch.full((1, 27, *SIZE_HW), -30.0)
    logits = outputs[0, 5:9, 0, 0]
    logits[:] = torch.tensor([3.0, 0.1, 0, -3])  # surely 0; its kinds 1 and 2 as likely as not
    outputs[0, 4, 0, 0] = 30
    model.raw = lambda _: (outputs,)

    _, scores, labels = model.decode(torch.zeros(1, 3, 24, 32))

    assert labels[0, 0] == 1  # 0.525 of 0.9975
    assert scores[0, 0].item() == pytest.approx(model.tree.joint(logits)[1].item())
    assert scores[0, 1] < 1e-6


@pytest.mark.parametrize("anchors", [(), ((1, 2), (3,)), ((0, 4),)])
def test_what_is_no_anchor_is_refused(anchors):
    with pytest.raises(RecipeError, match=r"model.anchors: .* are no anchors; write pairs of"):
        small_yolo_v2(2, anchors=anchors)


def test_another_reorg_and_a_tree_of_other_classes_are_refused():
    with pytest.raises(RecipeError, match=r"model.reorg: .*'flip'; choose space-to-depth or dark"):
        Passthrough("flip")
    with torch.device("meta"), pytest.raises(RecipeError, match="a tree of 2 classes for a set of"):
        yolo9000(3, tree=[-1, 0])
