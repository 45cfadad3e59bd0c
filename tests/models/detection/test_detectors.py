"""What every registered detector promises, whatever is inside it."""

from __future__ import annotations

import pytest
import torch

from akitsu.models import registry
from akitsu.models.detection.detector import Detector

# Too many weights for the fast tests: filling them with random numbers takes seconds each time.
LARGE = {
    *("yolo-v1", "tiny-yolo-v1", "tiny-yolo-v1-2015"),
    *("yolo-v2", "tiny-yolo-v2", "yolo9000"),
}
# A library's networks have their library's tests.
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else [])
    for name, entry in registry.entries().items()
    if entry.task == "detection" and not entry.library
]
CLASSES = 3
# A small one, too: a detector with a map for each range of sizes learns from all of them.
BOXES = torch.tensor(
    [
        [[4.0, 6, 30, 28], [20, 10, 36, 34], [4, 30, 9, 35]],
        [[2, 2, 26, 22], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
)
LABELS = torch.tensor([[0, 2, 1], [1, -1, -1]])


def odd_hw(name):
    """Neither a multiple of 4 nor of 8, and no square."""
    least = max(37, registry.entry(name).least_side)
    return least | 1, (least | 1) + 14


def make(name, channels=3):
    torch.manual_seed(0)
    return registry.build(name, CLASSES, in_channels=channels, input_hw=odd_hw(name))


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.mark.parametrize("channels", [1, 3])
def test_boxes_come_with_falling_scores_and_labels_of_the_classes(name, channels):
    model = make(name, channels).eval()

    with torch.no_grad():
        boxes, scores, labels = model.decode(torch.rand(1, channels, *odd_hw(name)))

    assert isinstance(model, Detector)
    assert boxes.shape == (1, scores.shape[1], 4)
    assert boxes.dtype == scores.dtype == torch.float32
    assert labels.shape == scores.shape
    assert labels.dtype == torch.int64
    assert boxes.isfinite().all()
    assert (scores.diff(dim=1) <= 0).all()
    assert ((labels >= 0) & (labels < CLASSES)).all()


def test_every_parameter_learns_from_the_losses(name):
    model = make(name)
    torch.manual_seed(1)

    losses = model(torch.rand(2, 3, *odd_hw(name)), BOXES, LABELS)
    losses["loss"].backward()

    still = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert still == []
    assert all(value.isfinite() and value.ndim == 0 for value in losses.values())


def test_pictures_without_boxes_have_a_finite_loss_and_gradient(name):
    model = make(name)

    losses = model(torch.rand(2, 3, *odd_hw(name)), torch.zeros(2, 1, 4), torch.full((2, 1), -1))
    losses["loss"].backward()

    assert losses["loss"].isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_a_reloaded_detector_answers_the_same(name):
    model, again = make(name).eval(), make(name).eval()
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()

    again.load_state_dict(model.state_dict())

    images = torch.rand(2, 3, *odd_hw(name))
    with torch.no_grad():
        for one, other in zip(model.decode(images), again.decode(images), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
