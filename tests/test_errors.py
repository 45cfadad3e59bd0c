"""Errors are sentences: where, what, what to do; and they survive a trip between processes."""

from __future__ import annotations

import pickle

import pytest

from akitsu.errors import (
    AkitsuError,
    DataError,
    FaultsError,
    MissingExtraError,
    ModelFileError,
    OutputError,
    RecipeError,
    ShapeError,
    SourceError,
    TrainingError,
    nearest,
    require,
)

FAMILY = [
    DataError,
    RecipeError,
    ShapeError,
    ModelFileError,
    SourceError,
    OutputError,
    TrainingError,
    MissingExtraError,
]


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_says_where_what_and_what_to_do(kind):
    error = kind("783 values where 784 belong", where="train.csv:7", do="delete the line")

    assert str(error) == "train.csv:7: 783 values where 784 belong; delete the line."


@pytest.mark.parametrize("kind", FAMILY)
def test_a_pickled_error_says_the_same(kind):
    error = kind("it is broken", where="here", do="mend it")

    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert str(again) == str(error)


def test_the_place_may_be_left_out():
    assert str(AkitsuError("it is broken", do="mend it")) == "it is broken; mend it."


def test_the_advice_cannot_be_left_out():
    with pytest.raises(TypeError, match="do"):
        AkitsuError("it is broken")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [(DataError, ValueError), (OutputError, OSError), (MissingExtraError, ImportError)],
)
def test_an_error_is_also_the_builtin_that_callers_expect(kind, builtin):
    assert issubclass(kind, builtin)


def test_many_faults_are_counted_and_the_first_twenty_shown():
    faults = [f"fault {number}" for number in range(23)]

    lines = str(FaultsError(faults, where="photos", do="mend them")).splitlines()

    assert lines[:20] == faults[:20]
    assert lines[20:] == ["… and 3 more", "photos: 23 faults; mend them."]


def test_one_fault_is_not_called_faults():
    shown = str(FaultsError(["a"], where="photos", do="mend it"))

    assert shown == "a\nphotos: 1 fault; mend it."


def test_pickled_faults_are_all_there():
    error = FaultsError(["a", "b"], where="photos", do="mend them")

    again = pickle.loads(pickle.dumps(error))

    assert again.faults == ["a", "b"]
    assert str(again) == str(error)


def test_a_misspelt_name_gets_the_nearest_right_one():
    assert nearest("momentun", ["lr", "momentum"], otherwise="none") == "write momentum"


def test_a_name_like_no_other_gets_the_fallback():
    assert nearest("qqq", ["lr", "momentum"], otherwise="choose") == "choose"


def test_a_missing_package_is_a_sentence_with_the_command():
    with pytest.raises(MissingExtraError) as caught:
        require("no_such_package_anywhere", extra="train", purpose="training")

    assert str(caught.value) == (
        "training needs no_such_package_anywhere, which is not installed; "
        'run pip install "akitsu[train]".'
    )


def test_an_installed_package_passes():
    assert require("numpy", extra="train", purpose="training") is None
