"""Every claim holds, and fails once its paper's idea is switched off."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from akitsu.claims.claim import claims
from akitsu.models import registry

SLOW = pytest.mark.slow
CLAIMS = [
    pytest.param(claim, id=claim.name, marks=[SLOW] if claim.slow else [])
    for claim in claims().values()
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_claim_holds_and_its_evidence_can_be_drawn(claim):
    evidence = claim.check()

    assert [finding for finding in evidence.findings if not finding.holds] == []
    figure = Figure(figsize=(8, 4))
    evidence.draw(figure)
    assert figure.axes


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_claim_fails_without_the_idea_of_its_paper(claim):
    assert not claim.check(idea=False).holds


@pytest.mark.parametrize("claim", [each.values[0] for each in CLAIMS], ids=lambda claim: claim.name)
def test_a_claim_says_what_it_claims_what_it_takes_away_and_of_which_models(claim):
    assert claim.statement
    assert claim.idea
    assert claim.paper
    assert 1950 < claim.year < 2030
    assert set(claim.models) <= set(registry.entries())
