"""torchvision's detectors behind our contract, against torchvision's own answers."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models
from torchvision.ops import batched_nms

from akitsu.models import registry
from akitsu.models.detection import torchvision_adapter
from akitsu.models.detection.torchvision_adapter import targets
from akitsu.models.detection.torchvision_detectors import KINDS
from akitsu.models.detection.torchvision_two_stage import TwoStage, unsuppressed

TABLE = {name: (kind, *values) for kind in KINDS for name, values in kind.members.items()}
SLOW = pytest.mark.slow
SSDLITE, FASTER = "ssdlite320_mobilenet_v3_large", "fasterrcnn_mobilenet_v3_large_320_fpn"
# One of each way to be built, at a small side.
SOME = [
    pytest.param(SSDLITE, 64, id=SSDLITE),
    pytest.param(FASTER, 64, id=FASTER, marks=SLOW),
    pytest.param("ssd300_vgg16", 268, id="ssd300_vgg16", marks=SLOW),
    pytest.param("retinanet_resnet50_fpn", 64, id="retinanet_resnet50_fpn", marks=SLOW),
    pytest.param("fcos_resnet50_fpn", 64, id="fcos_resnet50_fpn", marks=SLOW),
    pytest.param("maskrcnn_resnet50_fpn", 64, id="maskrcnn_resnet50_fpn", marks=SLOW),
    pytest.param("fasterrcnn_resnet50_fpn_v2", 64, id="fasterrcnn_resnet50_fpn_v2", marks=SLOW),
]


def make(name, side, *, classes=3, channels=3, **options):
    torch.manual_seed(0)
    return registry.build(
        name, classes, in_channels=channels, input_hw=(side, side), options=options
    )


def lively(name, side, **options):
    """Weights and running statistics that let the picture through to the scores."""
    model = make(name, side, **options)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            # The scores of a head stay away from 1, where all would be equal.
            module.weight.data *= 0.1 if module in heads_of(model) else 1
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    model.train()
    with torch.no_grad():
        model(torch.randn(4, 3, side, side))
    return model.eval()


def heads_of(model):
    named = dict(model.named_modules())
    return [module for name, module in named.items() if name.endswith("cls_logits")]


@pytest.mark.parametrize("name", TABLE)
def test_the_parameters_for_coco_are_those_of_the_table(name):
    kind, parameters, _, _ = TABLE[name]
    with torch.device("meta"):
        model = make(name, 320, classes=91 - kind.background)

    counted = sum(each.numel() for each in model.parameters())
    assert counted == parameters
    assert f"{counted:,}" in registry.entry(name).page


@pytest.mark.parametrize("name", TABLE)
def test_page_and_backbone_are_those_that_torchvision_tells_of_its_weights(name):
    _, _, ap, _ = TABLE[name]
    meta = next(iter(torchvision_models.get_model_weights(name))).meta

    assert meta["_metrics"]["COCO-val2017"]["box_map"] == ap
    assert f"{ap} % box AP" in registry.entry(name).page
    assert registry.entry(name).backbone in torchvision_models.list_models(torchvision_models)


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row[0].normalises])
def test_with_frozen_norms_the_trunk_has_no_normalisation_that_learns(name):
    with torch.device("meta"):
        model = make(name, 320, frozen_norm=True)

    assert not any(isinstance(each, nn.BatchNorm2d) for each in model.backbone.modules())


@pytest.mark.parametrize(("name", "side"), [pytest.param(FASTER, 64, id="fast"), *SOME])
def test_every_box_and_score_is_torchvision_s_own(name, side, monkeypatch):
    monkeypatch.setattr(torchvision_adapter, "DETECTIONS", 10**6)
    model = lively(name, side)
    theirs = own(model.network, side)
    images = torch.randn(2, 3, side, side)

    with torch.inference_mode():
        wanted = theirs(list(images))
        found = model.decode(images)

    for answer, boxes, scores, labels in zip(wanted, *found, strict=True):
        # torchvision drops boxes narrower than this, and such places as no proposal filled.
        real = (scores > 0) & ((boxes[:, 2:] - boxes[:, :2]).amin(1) >= 1e-2)
        if not isinstance(model, TwoStage):
            real = torch.ones_like(real)
        boxes, scores, labels = boxes[real], scores[real], labels[real]
        kept = batched_nms(boxes, scores, labels, 0.5)[:30]
        torch.testing.assert_close(scores[kept], answer["scores"])
        background = getattr(model, "background", 1)
        rows = torch.cat([boxes, labels[:, None] + background], 1)[kept]
        rows_wanted = torch.cat([answer["boxes"], answer["labels"][:, None]], 1)
        # Of equal scores any may stand first.
        apart = (rows[:, None] - rows_wanted).abs().amax(-1)
        assert apart.amin(0).max() < 1e-2
        assert apart.amin(1).max() < 1e-2


def own(network, side):
    """torchvision's whole network, that neither resizes nor normalises, and keeps all scores."""
    transform = network.transform
    transform.image_mean, transform.image_std = [0.0] * 3, [1.0] * 3
    transform.min_size, transform.max_size, transform.fixed_size = (side,), side, (side, side)
    end = network.roi_heads if hasattr(network, "roi_heads") else network
    end.score_thresh, end.nms_thresh, end.detections_per_img = -1, 0.5, 30
    network.topk_candidates = 10**6
    return network.eval()


@pytest.mark.parametrize(("name", "side"), SOME)
def test_a_box_of_the_first_class_teaches_the_first_class(name, side):
    """With labels from 0 where torchvision counts the background as 0, it would teach nothing."""
    model = make(name, side, classes=2, **frozen_if_possible(name)).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    images = torch.randn(2, 3, side, side)
    boxes = torch.tensor([[[8.0, 8, 40, 44], [0, 0, 0, 0]]] * 2)
    labels = torch.tensor([[0, -1]] * 2)

    before = share_of_first(model, images)
    for _ in range(3):
        losses = model(images, boxes, labels)
        optimizer.zero_grad()
        losses["loss"].backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    assert all(each.isfinite() for each in losses.values())
    assert share_of_first(model, images) > before


def frozen_if_possible(name):
    return {"frozen_norm": True} if TABLE[name][0].normalises else {}


def share_of_first(model, images):
    """Of all scores, those that are the first class's."""
    training = model.training
    model.eval()
    with torch.no_grad():
        _, scores, labels = model.decode(images)
    model.train(training)
    return float(scores[labels == 0].sum() / scores.sum())


@pytest.mark.parametrize(("name", "side"), SOME)
def test_pictures_without_boxes_have_a_finite_loss(name, side):
    model = make(name, side)

    losses = model(torch.randn(2, 3, side, side), torch.zeros(2, 1, 4), torch.full((2, 1), -1))
    losses["loss"].backward()

    assert losses["loss"].isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", [SSDLITE, pytest.param(FASTER, marks=SLOW)])
def test_grey_pictures_are_answered_with_labels_of_the_classes(name):
    model = make(name, 64, channels=1).eval()

    with torch.no_grad():
        boxes, scores, labels = model.decode(torch.rand(2, 1, 64, 64))

    assert boxes.shape == (*scores.shape, 4)
    assert (scores.diff(dim=1) <= 0).all()
    assert ((labels >= 0) & (labels < 3)).all()
    assert ((boxes >= 0) & (boxes <= 64)).all()


def test_targets_lose_their_gaps_and_begin_behind_the_background():
    boxes = torch.tensor([[[0.0, 0, 4, 4], [0, 0, 0, 0], [1, 1, 5, 6], [3, 3, 3, 9]]])

    (goal,) = targets(boxes, torch.tensor([[0, -1, 2, 1]]), background=1)

    assert goal["labels"].tolist() == [1, 3]
    assert goal["boxes"].tolist() == [[0, 0, 4, 4], [1, 1, 5, 6]]


def test_only_boxes_of_one_group_suppress_each_other():
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60]]] * 2)
    scores = torch.tensor([[0.9, 0.8, 0.1], [0.2, 0.3, 0.4]])
    groups = torch.tensor([[0, 0, 0], [1, 2, 2]])

    stays = unsuppressed(boxes, scores, groups, iou_threshold=0.5)

    assert stays.tolist() == [[True, False, True], [True, True, True]]
