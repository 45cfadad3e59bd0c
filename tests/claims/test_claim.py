"""How figures become findings, and findings evidence."""

from __future__ import annotations

import pytest

from akitsu.claims.claim import Evidence, at_least, at_most, equal, find, true
from akitsu.errors import RecipeError


def test_a_figure_that_follows_from_a_definition_must_be_exactly_it():
    assert equal("parameters", 1_248_424, 1_248_424).holds
    assert not equal("parameters", 1_248_423, 1_248_424).holds
    assert equal("parameters", 1_248_424, 1_248_424).demand == "= 1,248,424"


def test_several_seeds_are_judged_by_their_mean_and_shown_with_its_interval():
    finding = at_least("accuracy", [0.90, 0.92, 0.94], 0.91)

    assert finding.holds
    assert finding.n == 3
    assert (finding.value, finding.low, finding.high) == pytest.approx(
        (0.92, 0.870, 0.970), abs=1e-3
    )


def test_a_limit_itself_is_allowed_and_what_lies_beyond_is_not():
    assert at_least("accuracy", 0.9, 0.9).holds
    assert not at_least("accuracy", 0.89, 0.9).holds
    assert at_most("loss", 0.3, 0.3).holds
    assert not at_most("loss", 0.31, 0.3).holds


def test_a_figure_that_is_no_number_never_holds_and_is_null_in_json():
    finding = at_most("loss", float("nan"), 1.0)

    assert not finding.holds
    assert finding.to_json()["value"] is None


def test_evidence_holds_only_if_every_finding_does():
    right, wrong = true("one is one", True), true("one is two", False)

    assert Evidence((right,), draw=lambda figure: None).holds
    assert not Evidence((right, wrong), draw=lambda figure: None).holds


def test_an_unknown_claim_is_a_sentence():
    with pytest.raises(RecipeError, match="there is no claim 'nonsense'"):
        find("nonsense")
