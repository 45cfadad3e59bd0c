"""A search space is read to the last key, or its mistake is named with line and advice."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from akitsu.errors import RecipeError
from akitsu.recipes.recipe import built_in, load
from akitsu.recipes.search_space import Choices, Range, SearchSpace, default_space, with_values
from akitsu.recipes.space_file import load_space
from akitsu.recipes.train import require_runnable

GOOD = """\
# what to try
optimizer.lr: {low: 1e-4, high: 1e-2, log: true}
batch_size: [32, 64]
model.widths: [[8, 16, 24], [16, 24, 32]]
augment.rotate_deg: {low: 0, high: 20}
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "space.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def require(path, recipe="digits"):
    load_space(path).require(load(recipe), check=require_runnable)


def test_a_space_says_ranges_and_choices(written):
    space = load_space(written(GOOD))

    assert space.parameters["optimizer.lr"] == Range(low=1e-4, high=1e-2, log=True)
    assert space.parameters["model.widths"] == Choices(values=([8, 16, 24], [16, 24, 32]))
    space.require(load("digits"), check=require_runnable)


def test_a_space_written_out_is_the_same_space(written):
    space = load_space(written(GOOD))

    again = load_space(written(space.to_yaml()))

    assert again.parameters == space.parameters


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_recipe_has_a_default_space_around_its_own_values(name):
    recipe = load(name)

    space = default_space(recipe)

    space.require(recipe, check=require_runnable)
    assert space.encoded(recipe).keys() == space.parameters.keys()


MISTAKES = {
    "optimizer.lrr: [1, 2]": "2, optimizer.lrr: there is no such key; write optimizer.lr.",
    "learning_rate: [0.1, 0.2]": "2, learning_rate: there is no such key; write optimizer.lr.",
    "rotate: [0, 1]": "2, rotate: there is no such key; write augment.rotate_deg.",
    "batch_size.x: [0, 1]": "2, batch_size.x: there is no such key; write batch_size.",
    "model.width: [1, 2]": "2, model.width: digit-net has no option 'width'; write widths.",
    "optimizer.lr: {min: 1, high: 2}": ("2, optimizer.lr.min: there is no such key; write low."),
    "optimizer.lr: {low: 1}": "2, optimizer.lr: a range needs low and high, and high is missing; "
    "add high.",
    "optimizer.lr: {low: x, high: 2}": "2, optimizer.lr.low: 'x' is no number; write a number.",
    "optimizer.lr: {low: .nan, high: 2}": "2, optimizer.lr: a range needs two ends; write finite "
    "numbers.",
    "optimizer.lr: {low: 2, high: 1}": "2, optimizer.lr: low (2) is not below high (1); swap them, "
    "or leave this key out.",
    "optimizer.lr: {low: 0, high: 1, log: true}": "2, optimizer.lr: a logarithmic range cannot "
    "begin at 0; write a low above 0, or leave log out.",
    "batch_size: {low: 8, high: 64}": "2, batch_size: this key takes whole numbers; add step: 1.",
    "batch_size: {low: 8, high: 9, step: 2}": "2, batch_size: a step of 2 leaves one value of 8 to "
    "9; write a smaller one above 0.",
    "batch_size: {low: 8, high: 64, step: 8, log: true}": "2, batch_size: a logarithmic range has "
    "no step but 1 (for whole numbers); leave step or log out.",
    "augment.flip: {low: 0, high: 2}": "2, augment.flip: 2.0 does not fit; it should be less than "
    "or equal to 1.",
    "optimizer.name: [sgd, adamm]": "2, optimizer.name: 'adamm' does not fit; it should be 'adamw'",
    "batch_size: [32]": "2, batch_size: there is nothing to choose from; write two or more, or set "
    "it in the recipe.",
    "batch_size: [32, 64, 32]": "2, batch_size: a value stands here twice; write each one once.",
    "batch_size: 32": "2, batch_size: 32 says no values; write {low: 1e-4, high: 1e-2, log: true} "
    "or [32, 64].",
    "seed: [1, 2]": "2, seed: trials that differ in seed cannot be compared by their scores; leave "
    "this key out, or change it with --set.",
    "stop: [2020-01-01, 2]": "2, stop: one of these is no number, word or list of them; put words "
    "in quotes.",
    "optimizer:\n  lr: {low: 1, high: 2}": "3, optimizer.lr: optimizer is a section; write "
    "optimizer.lr with its own values, at the left margin.",
}


@pytest.mark.parametrize(("text", "told"), MISTAKES.items(), ids=[*MISTAKES])
def test_a_mistake_is_named_with_its_line_and_what_to_do(written, text, told):
    path = written(f"# my space\n{text}\n")

    with pytest.raises(RecipeError) as caught:
        require(path)

    assert str(caught.value).startswith(f"{path}:{told}")


HOSTILE = {
    "nothing": b"",
    "a word": b"hello",
    "a list": b"- a\n- b\n",
    "no text": b"\xff\xfe\x00",
    "an open bracket": b"a: [1",
    "numbers for keys": b"1: [1, 2]\n",
    "a tag": b"a: !!python/object:os.system [1]\n",
    "a loop": b"a: &x [1, *x]\n",
    "deep": b"a: " + b"[" * 5000,
    "an unhashable key": b"{[1]: 2}: 3\n",
    "an infinite choice": b"loss.x: [.inf, 1]\n",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=[*HOSTILE])
def test_a_hostile_file_is_a_sentence(written, content):
    path = written(content)

    with pytest.raises(RecipeError) as caught:
        require(path)

    assert str(caught.value).startswith(str(path))


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(RecipeError, match=r"none.yaml: there is no such file; check the path\.$"):
        load_space(tmp_path / "none.yaml")


def test_a_number_without_a_point_is_a_number(written):
    """YAML 1.1 reads 1e-4 as a word."""
    space = load_space(written("loss.label_smoothing: [1e-4, 2e-1]\n"))

    assert space.parameters["loss.label_smoothing"] == Choices(values=(1e-4, 0.2))


def test_whole_numbers_are_whole():
    parameter = Range(low=1, high=8, step=1)

    assert parameter.suggest(FixedTrial({"parts": 3}), "parts") == 3
    assert isinstance(parameter.suggest(FixedTrial({"parts": 3}), "parts"), int)


@pytest.mark.parametrize(
    ("parameter", "value", "kept"),
    [
        (Range(low=0, high=1), 0.5, 0.5),
        (Range(low=0, high=1), 1.5, None),
        (Range(low=0, high=1), True, None),
        (Range(low=0.1, high=0.5, step=0.1), 0.30000000000000004, 0.30000000000000004),
        (Range(low=0.1, high=0.5, step=0.1), 0.35, None),
        (Range(low=8, high=64, step=8), 24, 24),
        (Choices(values=(1, 2)), 3, None),
        (Choices(values=([1, 2], [3])), [3], "[3]"),
    ],
)
def test_the_recipe_s_own_value_is_kept_if_it_is_in_the_space(parameter, value, kept):
    assert parameter.encoded(value) == kept


SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.lists(SCALARS | st.lists(SCALARS, max_size=3), min_size=2, unique_by=json.dumps))
def test_a_choice_comes_back_as_it_was(values):
    """1, 1.0 and true are one choice to Optuna, and lists are none."""
    choices = Choices(values=tuple(values))

    for value in values:
        text = json.dumps(value)
        chosen = choices.suggest(FixedTrial({"key": text}), "key")
        assert json.dumps(chosen) == text


def test_values_go_where_their_keys_lead():
    recipe = with_values(load("digits"), {"optimizer.lr": 0.5, "model.widths": [1, 2, 3]})

    assert recipe.optimizer.lr == 0.5
    assert recipe.model.options["widths"] == [1, 2, 3]
    assert recipe.batch_size == load("digits").batch_size


def test_a_space_of_the_program_names_itself():
    space = SearchSpace({"optimizer.lrr": Choices(values=(1, 2))})

    with pytest.raises(RecipeError, match=r"^the search space, optimizer\.lrr: there is no such"):
        space.require(load("digits"), check=require_runnable)
