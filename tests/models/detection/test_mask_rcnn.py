"""Mask R-CNN's third answer: targets, decoupled loss, and masks that come back to their place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.roi_heads import maskrcnn_loss, paste_masks_in_image

from akitsu.models.detection.mask_rcnn import (
    MaskHead,
    mask_loss,
    mask_targets,
    paste,
    small_mask_rcnn,
)

SIZE_HW = (48, 64)
BOXES = torch.tensor([[[2.0, 3, 20, 17], [25, 20, 46, 47]], [[10, 10, 26, 25], [0, 0, 0, 0]]])
LABELS = torch.tensor([[2, 0], [1, -1]])


def filled(box, size_hw=SIZE_HW):
    """(H, W): the pixels whose centre lies in the box."""
    y, x = (torch.arange(side) + 0.5 for side in size_hw)
    x0, y0, x1, y1 = box
    return ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))


def small_model():
    torch.manual_seed(0)
    return small_mask_rcnn(3, 3, widths=(4, 8, 8), proposals=12)


def true_masks():
    masks = torch.stack([torch.stack([filled(box) for box in boxes]) for boxes in BOXES])
    return masks.float()


def test_the_paper_s_head_has_its_weights():
    with torch.device("meta"):
        head = MaskHead(256, 91, 4)

    assert sum(each.numel() for each in head.parameters()) == 2_646_107


def test_the_loss_is_that_of_torchvision():
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 4, 8, 8), torch.tensor([1, 3, 2])
    masks = (torch.rand(3, *SIZE_HW) > 0.5).float()
    rois = torch.tensor([[2.0, 3, 20.5, 17], [25, 20, 46, 47], [10, 10, 26, 25]])

    ours = mask_loss(logits, labels, mask_targets(masks, rois, logits))

    theirs = maskrcnn_loss(
        logits,
        [row[None] for row in rois],
        [mask[None] for mask in masks],
        [label[None] for label in labels],
        [torch.tensor([0])] * 3,
    )
    # torchvision samples each bin as often as its size asks for, and half a pixel beside.
    torch.testing.assert_close(ours, theirs, atol=0.02, rtol=0)


def test_the_masks_of_other_classes_get_no_gradient_at_all():
    logits = torch.randn(2, 6, 4, 4, requires_grad=True)

    mask_loss(logits, torch.tensor([3, 5]), torch.ones(2, 4, 4)).backward()

    assert logits.grad.flatten(2).abs().amax(2).nonzero().tolist() == [[0, 3], [1, 5]]


def test_a_target_is_what_the_proposal_shows_of_the_object():
    """The proposal lies half beside: its right half is empty."""
    masks = filled((10, 10, 26, 26))[None].float()
    proposal = torch.tensor([[18.0, 10, 34, 26]])

    (target,) = mask_targets(masks, proposal, torch.zeros(1, 1, 8, 8))

    wanted = torch.tensor([1.0, 1, 1, 1, 0, 0, 0, 0]).expand(8, 8)
    assert torch.equal(target[1:-1, :3], wanted[1:-1, :3])
    assert torch.equal(target[:, 5:], wanted[:, 5:])


@settings(max_examples=40)
@given(
    st.floats(-20, 60), st.floats(-20, 44), st.floats(6, 50), st.floats(6, 50), st.integers(4, 28)
)
def test_a_full_mask_fills_its_box_also_where_that_leaves_the_picture(x, y, width, height, side):
    box = torch.tensor([[x, y, x + width, y + height]])

    (pasted,) = paste(torch.ones(1, side, side), box, size_hw=SIZE_HW) >= 0.5

    # A pixel whose centre lies on the side of the box may be either.
    hair = torch.tensor([1e-2, 1e-2, -1e-2, -1e-2])
    assert not (filled(box[0] + hair) & ~pasted).any()
    assert not (pasted & ~filled(box[0] - hair)).any()


def test_a_pasted_mask_is_about_that_of_torchvision():
    torch.manual_seed(0)
    knots = torch.rand(1, 1, 4, 4)
    mask = torch.nn.functional.interpolate(knots, (28, 28), mode="bilinear")
    box = torch.tensor([[7.0, 9, 47, 41]])

    ours = paste(mask[0], box, size_hw=SIZE_HW)[0]

    theirs = paste_masks_in_image(mask, box, SIZE_HW)[0, 0]
    inner = np.s_[14:36, 12:42]
    assert (ours[inner] - theirs[inner]).abs().max() < 0.06


def test_with_masks_their_loss_is_one_more_and_every_parameter_learns():
    model = small_model()

    losses = model(torch.randn(2, 3, *SIZE_HW), BOXES, LABELS, true_masks())
    losses["loss"].backward()

    assert set(losses) == {"loss", "proposal_score", "proposal_box", "score", "box", "mask"}
    parts = sum(value for name, value in losses.items() if name != "loss")
    torch.testing.assert_close(losses["loss"], parts)
    assert all(each.grad is not None and each.grad.any() for each in model.parameters())


def test_without_masks_it_is_a_detector():
    model = small_model()

    losses = model(torch.randn(2, 3, *SIZE_HW), BOXES, LABELS)

    assert set(losses) == {"loss", "proposal_score", "proposal_box", "score", "box"}


def test_pictures_without_objects_have_a_finite_loss():
    nothing = torch.zeros(2, 1, 4), torch.full((2, 1), -1), torch.zeros(2, 1, *SIZE_HW)

    losses = small_model()(torch.randn(2, 3, *SIZE_HW), *nothing)
    losses["loss"].backward()

    assert losses["loss"].isfinite()


@pytest.mark.parametrize("label", [0, 1, 2])
def test_the_mask_of_the_box_s_own_class_is_drawn(label):
    """The head is made to fill class 1, and no other."""
    model = small_model().eval()
    last = model.mask_head.layers[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([-9.0, 9, -9]))
        box = torch.tensor([[[8.0, 8, 40, 32]]])
        drawn = model.masks(torch.randn(1, 3, *SIZE_HW), box, torch.tensor([[label]]))

    assert drawn.shape == (1, 1, *SIZE_HW)
    wanted = filled(box[0, 0]) if label == 1 else torch.zeros(SIZE_HW, dtype=torch.bool)
    assert torch.equal(drawn[0, 0] >= 0.5, wanted)
