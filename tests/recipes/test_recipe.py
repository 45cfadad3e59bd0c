"""A recipe is read to the last key, or its mistake is named with line and advice."""

from __future__ import annotations

import pytest

from akitsu.errors import RecipeError
from akitsu.recipes.recipe import Recipe, apply_setting, built_in, find, load

SMALL = """\
task: classification
model:
  name: digit-net
  input_hw: [8, 8]
optimizer:
  lr: 0.01
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="mine.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize("name", sorted(built_in()))
def test_every_built_in_recipe_loads_and_says_what_it_is(name):
    recipe = load(name)

    assert recipe.name == name
    assert recipe.description


def test_a_recipe_written_out_is_the_same_run(written):
    recipe = load("digits", settings=["stop=[2, epoch]", "data.path=ÄÖ 大/train.csv"])

    assert load(written(recipe.to_yaml())) == recipe


def test_a_recipe_is_named_after_its_file(written):
    assert load(written(SMALL, "my-digits.yml")).name == "my-digits"


def test_options_of_a_network_stand_beside_its_name(written):
    text = SMALL.replace("[8, 8]", "[8, 8]\n  widths: [1, 2, 3]")

    assert load(written(text)).model.options == {"widths": [1, 2, 3]}


@pytest.mark.parametrize(
    ("text", "place", "advice"),
    [
        ("  momentun: 0.9\n", ":7, optimizer.momentun", "write optimizer.momentum"),
        ("  learning_rate: 0.1\n", ":7, optimizer.learning_rate", "write optimizer.lr"),
        ("bach_size: 3\n", ":7, bach_size", "write batch_size"),
        ("epochs: 3\n", ":7, epochs", "write stop: [10, epoch]"),
    ],
)
def test_a_misspelt_key_is_named_with_its_line_and_the_right_one(written, text, place, advice):
    path = written(SMALL + text)

    with pytest.raises(RecipeError) as caught:
        load(path)

    assert str(caught.value) == f"{path}{place}: there is no such key; {advice}."


def test_a_key_like_no_other_gets_the_list(written):
    with pytest.raises(RecipeError, match=r"; the keys here are name, lr, weight_decay"):
        load(written(SMALL + "  zzzzzz: 1\n"))


def test_a_value_of_the_wrong_kind_is_shown_with_its_line(written):
    path = written(SMALL.replace("0.01", "fast"))

    with pytest.raises(RecipeError) as caught:
        load(path)

    assert str(caught.value).startswith(f"{path}:6, optimizer.lr: 'fast' does not fit; ")


def test_a_value_inside_a_list_is_found_by_its_list(written):
    path = written(SMALL.replace("[8, 8]", "[8, x]"))

    with pytest.raises(RecipeError) as caught:
        load(path)

    assert str(caught.value).startswith(f"{path}:4, model.input_hw.1: 'x' does not fit; ")


def test_a_missing_key_is_named(written):
    path = written("task: detection\n")

    with pytest.raises(RecipeError) as caught:
        load(path)

    assert str(caught.value) == f"{path}: the key model is missing; add model."


def test_a_misspelt_recipe_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"^there is no recipe 'digitz'; write digits\.$"):
        find("digitz")


def test_a_recipe_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(RecipeError, match=r"mine.yaml: there is no such recipe file"):
        find(str(tmp_path / "mine.yaml"))


HOSTILE = {
    "an open bracket": b"task: [classification\n",
    "a tab": b"task:\n\t- x\n",
    "no keys": b"just words\n",
    "a list": b"- task\n",
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "a null byte": b"task: \x00\n",
    "depth": b"[" * 20_000,
    "an object": b"task: !!python/object/apply:os.getcwd []\n",
    "a section that is a value": b"task: detection\nmodel: 3\n",
    "a key that is a list": b"? [task]\n: 3\n",
    "an undefined anchor": b"task: *nowhere\n",
    "a number for a key": b"3: 4\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_is_no_recipe_is_a_sentence(written, text):
    path = written(text)

    with pytest.raises(RecipeError) as caught:
        load(path)

    assert str(caught.value).startswith(path)
    assert str(caught.value).endswith(".")


def test_broken_yaml_is_named_with_its_line(written):
    with pytest.raises(RecipeError, match=r"mine.yaml:3: .*; mend the YAML\.$"):
        load(written("task: detection\nmodel: [\n  name: }\n"))


def test_a_setting_changes_one_key(written):
    path = written(SMALL)

    recipe = load(path, settings=["optimizer.lr=0.5", "augment.scale=[0.5, 2]", "seed=7"])

    assert (recipe.optimizer.lr, recipe.augment.scale, recipe.seed) == (0.5, (0.5, 2.0), 7)
    assert recipe.optimizer.weight_decay == load(path).optimizer.weight_decay


def test_the_last_setting_of_a_key_counts():
    assert load("digits", settings=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("seed", "--set: 'seed' sets nothing; write it as optimizer.lr=0.01."),
        ("=3", "--set: '=3' sets nothing; write it as optimizer.lr=0.01."),
        ("seed=[", "--set seed: '[' is no YAML value; quote text with brackets."),
        ("seed.x=1", "--set seed.x: seed is a value, not a section; set seed itself."),
        ("optimizer.lrr=1", "--set optimizer.lrr: there is no such key; write optimizer.lr."),
    ],
)
def test_a_wrong_setting_is_a_sentence(written, setting, sentence):
    path = written(SMALL + "seed: 3\n")

    with pytest.raises(RecipeError) as caught:
        load(path, settings=[setting])

    assert str(caught.value) == sentence


def test_a_setting_makes_the_sections_on_its_way():
    document = {}

    apply_setting(document, "a.b.c=[1, x]")

    assert document == {"a": {"b": {"c": [1, "x"]}}}


def test_a_recipe_cannot_be_changed_after_reading():
    recipe = load("digits")

    with pytest.raises(ValueError, match="frozen"):
        recipe.seed = 3

    assert isinstance(recipe, Recipe)


def test_another_network_leaves_the_options_of_the_recipe_s_own_behind():
    recipe = load("scenes-boxes", settings=["model.negatives=all", "model.name=ssd-small"])

    assert recipe.model.options == {"negatives": "all"}
    assert recipe.model.input_hw == (96, 128)
    assert load("scenes-boxes").model.options["head"] == 32
