"""RoIPool and RoIAlign, bin by bin, against torchvision and a map that says where it was cut."""

from __future__ import annotations

import pytest
import torch
from torchvision import ops

from akitsu.models.detection.roi import ramp, roi_align, roi_pool

STRIDE, BINS = 8, 4


def boxes(n, *, seed=0):
    """Within a map of 20 x 24 cells, across its border, and turned inside out."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(n, 2, generator=generator) * torch.tensor([190.0, 160]) - 10
    sides = torch.rand(n, 2, generator=generator) * 90 - 5
    return torch.cat([corners, corners + sides], 1), torch.randint(3, (n,), generator=generator)


def features():
    return torch.randn(3, 5, 20, 24, generator=torch.Generator().manual_seed(1)).requires_grad_()


def located(where, pictures):
    return torch.cat([pictures[:, None].float(), where], 1)


def gradient(cut, maps):
    """Of a sum in which each number counts otherwise."""
    weights = torch.randn(cut.shape, generator=torch.Generator().manual_seed(2))
    return torch.autograd.grad((cut * weights).sum(), maps)[0]


@pytest.mark.parametrize("bins", [2, 5, 7])
def test_roi_pool_is_that_of_torchvision_bit_for_bit(bins):
    where, pictures = boxes(25)
    maps = features()

    ours = roi_pool(maps, where, pictures, bins=bins, stride=STRIDE)

    theirs = ops.roi_pool(maps, located(where, pictures), bins, 1 / STRIDE)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("bins", [2, 7])
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("aligned", [True, False])
def test_roi_align_is_that_of_torchvision(bins, samples, aligned):
    where, pictures = boxes(8)
    maps = features()

    ours = roi_align(
        maps, where, pictures, bins=bins, stride=STRIDE, samples=samples, aligned=aligned
    )

    theirs = ops.roi_align(maps, located(where, pictures), bins, 1 / STRIDE, samples, aligned)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cut_out", ["pool", "align"])
def test_their_gradients_are_those_of_torchvision(cut_out):
    where, pictures = boxes(6)
    maps = features()
    rows = located(where, pictures)
    if cut_out == "pool":
        ours = roi_pool(maps, where, pictures, bins=BINS, stride=STRIDE)
        theirs = ops.roi_pool(maps, rows, BINS, 1 / STRIDE)
    else:
        ours = roi_align(maps, where, pictures, bins=BINS, stride=STRIDE)
        theirs = ops.roi_align(maps, rows, BINS, 1 / STRIDE, 2, True)

    torch.testing.assert_close(gradient(ours, maps), gradient(theirs, maps), atol=1e-5, rtol=1e-5)


def test_on_a_ramp_roi_align_reads_the_middle_of_each_bin():
    box = torch.tensor([[37.3, 40, 101.7, 90]])
    cells = (37.3 + (torch.arange(BINS) + 0.5) * (101.7 - 37.3) / BINS) / STRIDE - 0.5

    cut = roi_align(
        ramp((16, 20)), box, torch.zeros(1, dtype=torch.int64), bins=BINS, stride=STRIDE
    )

    torch.testing.assert_close(cut[0, 0], cells.expand(BINS, BINS), atol=1e-5, rtol=0)


def test_without_alignment_it_reads_half_a_cell_beside():
    box, first = torch.tensor([[37.3, 40, 101.7, 90]]), torch.zeros(1, dtype=torch.int64)

    aligned = roi_align(ramp((16, 20)), box, first, bins=BINS, stride=STRIDE)
    beside = roi_align(ramp((16, 20)), box, first, bins=BINS, stride=STRIDE, aligned=False)

    torch.testing.assert_close(beside - aligned, torch.full_like(aligned, 0.5), atol=1e-5, rtol=0)


def test_roi_pool_reads_one_to_two_cells_beside():
    """Two roundings and the largest of each bin."""
    box = torch.tensor([[37.3, 40, 101.7, 90]])
    cells = (37.3 + (torch.arange(7) + 0.5) * (101.7 - 37.3) / 7) / STRIDE - 0.5

    cut = roi_pool(ramp((16, 20)), box, torch.zeros(1, dtype=torch.int64), bins=7, stride=STRIDE)

    off = cut[0, 0] - cells
    assert float(off.min()) == pytest.approx(0.9625, abs=1e-3)
    assert float(off.max()) == pytest.approx(1.8125, abs=1e-3)


def test_no_boxes_give_no_pieces():
    nothing = torch.zeros(0, 4), torch.zeros(0)

    pooled = roi_pool(features(), *nothing, bins=BINS, stride=STRIDE)
    aligned = roi_align(features(), *nothing, bins=BINS, stride=STRIDE)

    assert pooled.shape == aligned.shape == (0, 5, BINS, BINS)
