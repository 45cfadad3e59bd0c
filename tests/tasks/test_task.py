"""The `loss` section of a recipe becomes a task, or a sentence."""

from __future__ import annotations

import pytest

from akitsu.errors import RecipeError
from akitsu.runtime.card import OUTPUTS
from akitsu.tasks.task import make_task

# What answers rows of a table is no network, and no recipe trains it.
NAMES = sorted(OUTPUTS.keys() - {"table"})


@pytest.mark.parametrize("name", NAMES)
def test_each_question_has_a_task_that_names_its_outputs(name):
    task = make_task(name, {})

    assert task.name == name
    assert all(output in task.decoding for output in OUTPUTS[name])


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_a_loss_does_not_have_is_a_sentence(name):
    with pytest.raises(RecipeError) as caught:
        make_task(name, {"temperature": 2.0})

    assert str(caught.value).startswith(f"loss.temperature: the loss of {name} has no such key; it")


def test_who_looks_for_a_key_of_a_detector_s_loss_is_told_where_it_is():
    with pytest.raises(
        RecipeError, match=r"^loss.box_weight: .*; it has none: .* \(model.NAME\)\.$"
    ):
        make_task("detection", {"box_weight": 2.0})


def test_a_misspelt_loss_key_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"^loss.overlapp: .*; write loss.overlap\.$"):
        make_task("segmentation", {"overlapp": 2.0})


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("classification", "label_smoothing"),
        ("segmentation", "overlap"),
    ],
)
def test_a_weight_that_is_no_number_is_a_sentence(name, option):
    with pytest.raises(RecipeError, match=r"^loss"):
        make_task(name, {option: "much"})


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_smoothing_beyond_all_and_nothing_is_a_sentence(value):
    with pytest.raises(RecipeError, match=r"^loss.label_smoothing: .* from 0 to 1\.$"):
        make_task("classification", {"label_smoothing": value})
