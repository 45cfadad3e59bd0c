"""The measuring of the detectors' claims, with a detector that knows the answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from akitsu.claims import detecting
from akitsu.data.generated.shape_scenes import ShapeScenes
from akitsu.models import registry
from akitsu.models.detection.detector import Detector

N = 40
TRUTHS = list(ShapeScenes(N, detecting.TEST_SEED))


class Knowing(Detector):
    """Says the truth of the next pictures, moved to the right by a share of each width."""

    def __init__(self, *, moved=0.0, narrowest=0.0):
        super().__init__()
        self.moved, self.narrowest, self.next = moved, narrowest, 0

    def forward(self, images, boxes=None, labels=None):
        raise AssertionError("it is never trained")

    def decode(self, images):
        part = TRUTHS[self.next : self.next + len(images)]
        self.next += len(images)
        boxes = torch.zeros(len(part), 4, 4)
        scores, labels = torch.zeros(len(part), 4), torch.zeros(len(part), 4, dtype=torch.int64)
        for row, truth in enumerate(part):
            known = torch.from_numpy(truth.boxes)
            wide = known[:, 2] - known[:, 0]
            keep = wide >= self.narrowest
            moved = known + (wide * self.moved)[:, None] * torch.tensor([1.0, 0, 1, 0])
            count = int(keep.sum())
            boxes[row, :count], scores[row, :count] = moved[keep], 0.9
            labels[row, :count] = torch.from_numpy(truth.labels)[keep]
        return boxes * (images.shape[-1] / 64), scores, labels


def test_the_truth_scores_one():
    assert detecting.average_precision(Knowing(), n=N) == detecting.Precision(1, 1)


def test_the_truth_scores_one_on_enlarged_pictures_too():
    assert detecting.average_precision(Knowing(), n=N, side=96) == detecting.Precision(1, 1)


def test_boxes_moved_by_a_fifth_are_right_at_half_overlap_only():
    """A shift of a fifth leaves 0.8 of 1.2 shared: IoU 2/3."""
    measured = detecting.average_precision(Knowing(moved=0.2), n=N)

    assert measured.ap50 == 1
    assert measured.ap75 == 0


def test_who_sees_large_shapes_only_scores_one_there_and_nothing_below():
    large = detecting.average_precision(Knowing(narrowest=16), n=N, widths=(16, np.inf))
    small = detecting.average_precision(Knowing(narrowest=16), n=N, widths=(0, 16))

    assert large.ap50 == 1
    assert small.ap50 == 0


@pytest.mark.parametrize("resize", [None, lambda step: 48 + 16 * (step % 2)])
def test_training_lowers_the_loss(resize):
    torch.manual_seed(0)
    model = registry.build("centernet-lite", 3, in_channels=3, input_hw=(64, 64))

    losses = detecting.learn(model, detecting.scenes(16), steps=12, seed=0, batch=8, resize=resize)

    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert not model.training
