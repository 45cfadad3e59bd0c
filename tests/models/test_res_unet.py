"""The default segmenter: which size its scores have, and when."""

from __future__ import annotations

import pytest
import torch

from akitsu.models.segmentation.res_unet import res_unet


@pytest.mark.parametrize("out_stride", [2, 4])
def test_scores_are_enlarged_only_where_somebody_looks_at_them(out_stride):
    model = res_unet(5, widths=(4, 8, 8, 8), out_stride=out_stride)
    images = torch.rand(2, 3, 37, 50)

    trained, used = model.train()(images), model.eval()(images)

    assert trained.shape == (2, 5, -(-37 // out_stride), -(-50 // out_stride))
    assert used.shape == (2, 5, 37, 50)
