"""Scores that several processes gathered, each its own pictures, are those of the whole set."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from akitsu.runtime.results import Classification
from akitsu.scores.classification import ClassificationScores
from akitsu.scores.segmentation import SegmentationScores

from .planted import detector, judged, names_of

PICTURES = 11


def classified(first, end):
    rng = np.random.default_rng(3)
    probabilities = rng.dirichlet(np.ones(4), PICTURES).astype(np.float32)
    labels = rng.integers(0, 4, PICTURES)
    scores = ClassificationScores(names_of(4))
    for n in range(first, end):
        answer = Classification(names_of(4), probabilities[n])
        scores.add(answer, int(labels[n]), f"picture {n}")
    return scores


def detected(first, end):
    pictures = detector(np.random.default_rng(4), classes=3, pictures=PICTURES, grid=8)
    return judged(pictures[first:end], classes=3, first=first)


def segmented(first, end):
    rng = np.random.default_rng(5)
    truth = rng.choice([0, 1, 2, 255], (PICTURES, 9, 7)).astype(np.uint8)
    guess = rng.integers(0, 3, truth.shape).astype(np.uint8)
    scores = SegmentationScores(names_of(3))
    for n in range(first, end):
        scores.add(guess[n], truth[n], f"picture {n}")
    return scores


GATHERED = [classified, detected, segmented]


@pytest.mark.parametrize("gather", GATHERED)
@pytest.mark.parametrize("cuts", [(0, 5, PICTURES), (0, 0, 4, 4, 9, PICTURES)])
def test_scores_of_parts_put_together_are_those_of_the_whole(gather, cuts):
    """Some parts are empty, as where there are more processes than pictures."""
    parts = [gather(first, end) for first, end in pairwise(cuts)]
    together, whole = parts[0], gather(0, PICTURES)
    for part in parts[1:]:
        together.extend(part)

    assert len(together) == PICTURES
    assert together.values() == pytest.approx(whole.values(), rel=0, abs=0, nan_ok=True)
    assert str(together.metrics(rounds=20)) == str(whole.metrics(rounds=20))
    assert together.worst(PICTURES) == whole.worst(PICTURES)


@pytest.mark.parametrize("gather", [classified, segmented])
def test_the_confusion_of_parts_is_added_up(gather):
    together = gather(0, 6)
    together.extend(gather(6, PICTURES))

    assert (together.confusion == gather(0, PICTURES).confusion).all()


@pytest.mark.parametrize("gather", GATHERED)
def test_what_was_taken_in_is_left_as_it_was(gather):
    together, other = gather(0, 6), gather(6, PICTURES)
    together.extend(other)
    together.extend(other)

    assert len(other) == PICTURES - 6
    assert str(other.values()) == str(gather(6, PICTURES).values())
