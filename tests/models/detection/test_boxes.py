"""The overlap of boxes and their code, against the runtime's and each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from akitsu.models.detection.boxes import box_iou, decode, encode
from akitsu.runtime import suppression

corners = st.floats(0, 400, width=32)
sides = st.floats(8, 300, width=32)  # a code stretches an anchor to 62.5 times its side at most
boxes = st.tuples(corners, corners, sides, sides).map(
    lambda each: [each[0], each[1], each[0] + each[2], each[1] + each[3]]
)


@given(st.lists(boxes, min_size=1, max_size=5), st.lists(boxes, min_size=1, max_size=5))
def test_the_overlap_is_the_runtime_s(some, others):
    given_iou = box_iou(torch.tensor(some), torch.tensor(others))

    np.testing.assert_allclose(given_iou, suppression.box_iou(some, others), atol=1e-4)


def test_boxes_without_area_share_nothing():
    empty = torch.tensor([[3.0, 3, 3, 3]])

    assert box_iou(empty, empty).tolist() == [[0]]


@given(boxes, boxes)
def test_decoding_undoes_encoding(box, anchor):
    box, anchor = torch.tensor([box]), torch.tensor([anchor])

    torch.testing.assert_close(decode(encode(box, anchor), anchor), box, rtol=1e-4, atol=1e-2)


def test_a_code_of_zeros_is_the_anchor():
    anchor = torch.tensor([[10.0, 20, 50, 30]])

    assert decode(torch.zeros(1, 4), anchor).tolist() == anchor.tolist()


def test_the_code_is_the_shift_in_anchor_sides_and_the_logarithm_of_the_ratio():
    code = encode(torch.tensor([[20.0, 20, 60, 40]]), torch.tensor([[10.0, 20, 30, 40]]))

    assert code[0].tolist() == pytest.approx([1, 0, np.log(2), 0])


def test_a_side_is_never_longer_than_the_allowed_stretch():
    box = decode(torch.tensor([[0, 0, 99.0, 99]]), torch.tensor([[0.0, 0, 16, 16]]))

    assert (box[0, 2:] - box[0, :2]).tolist() == pytest.approx([1000, 1000])
