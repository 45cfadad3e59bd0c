"""The pages of the models are what their program makes of the evidence and the docstrings."""

from __future__ import annotations

import pytest
import yaml

from akitsu.claims.claim import claims
from akitsu.models.registry import ModelEntry, entries
from tests.benchmarks.conftest import BENCHMARKS

DOCS = BENCHMARKS.parent / "docs"
EVIDENCE = DOCS / "results/claims"


def finding(statement: str, value: float, *, holds: bool, **more: object) -> dict:
    numbers = {"value": value, "low": None, "high": None, "n": 1}
    return {"statement": statement, "demand": "at least 0.9", "holds": holds, **numbers, **more}


def document(name: str, year: int, *, holds: bool = True) -> dict:
    return {
        "claim": name,
        "title": f"On {name}",
        "paper": "arXiv:0000.00000",
        "year": year,
        "models": ["borrowed", f"{name}-net"],
        "statement": "Two | two are four. So are\nthree and one.\n\nMore of it.",
        "idea": "the plus",
        "without_idea": False,
        "limits": "Five was not tried.",
        "findings": [
            finding("accuracy", 0.92, holds=True, low=0.9, high=0.94, n=3),
            finding("depth", 0.5, holds=holds),
        ],
        "holds": holds,
        "seconds": 12.4,
        "environment": {"threads": 2, "processor": "abacus", "versions": {"torch": "2.0"}},
    }


def build(classes, in_channels=3, widths=(4, 8)):
    """A small network: (B, C, H, W) to (B, K).

    Args:
        widths: Channels, of which
            there are two.

    Raises:
        ShapeError: If a side is short.
    """


def entry(name: str, *, library: str = "") -> ModelEntry:
    return ModelEntry(name, "classification", "arXiv:1111.11111", 2011, build, library=library)


@pytest.fixture
def written(program):
    """Pages of two planted claims and three planted networks."""
    model_pages = program("model_pages")
    found = [document("sums", 2001), document("differences", 2002, holds=False)]
    models = {
        "alone": entry("alone"),
        "borrowed": entry("borrowed", library="torchvision"),
        "sums-net": entry("sums-net"),
        "differences-net": entry("differences-net"),
    }
    return model_pages.pages(found, models)


def test_the_pages_are_what_the_files_and_the_docstrings_say(program):
    model_pages = program("model_pages")

    written = model_pages.pages(model_pages.documents(EVIDENCE), entries())

    there = {path.name: path.read_text("utf-8") for path in (DOCS / "models").glob("*.md")}
    assert there == written


def test_the_navigation_lists_the_pages_in_their_order(program):
    model_pages = program("model_pages")
    text = (BENCHMARKS.parent / "mkdocs.yml").read_text("utf-8")

    written = model_pages.pages(model_pages.documents(EVIDENCE), entries())

    assert model_pages.with_navigation(text, written) == text


def test_every_claim_has_its_evidence_and_the_evidence_says_what_the_claim_says_now(program):
    found = {each["claim"]: each for each in program("model_pages").documents(EVIDENCE)}

    assert set(found) == set(claims())
    for name, claim in claims().items():
        about = {key: found[name][key] for key in ("title", "paper", "statement", "idea")}
        assert about == {key: getattr(claim, key) for key in about}
        assert found[name]["models"] == list(claim.models)
        assert found[name]["holds"] is True
        assert found[name]["without_idea"] is False
        assert (EVIDENCE / f"{name}.png").is_file()


def test_a_page_shows_the_evidence_and_the_networks_of_its_paper(written):
    page = written["sums.md"]

    assert page.startswith("# On sums\n\narXiv:0000.00000, 2001; claim `sums`.\n")
    assert "| accuracy | 0.92 | 0.9 to 0.94, 3 seeds | at least 0.9 | yes |\n" in page
    assert "(../results/claims/sums.png)" in page
    assert "Not shown here: Five was not tried.\n" in page
    assert "It took 12 s; threads: 2, torch 2.0, abacus.\n" in page
    assert "\nNetworks of torchvision: `borrowed`.\n" in page
    assert "## `sums-net`\n" in page
    assert "## `borrowed`" not in page
    assert "- widths: Channels, of which there are two.\n" in page
    assert "- ShapeError: If a side is short.\n" in page
    assert "| `widths` | `(4, 8)` |\n" in page


def test_a_claim_that_does_not_hold_is_shown_as_such(written):
    page, index = written["differences.md"], written["index.md"]

    assert "did not hold" in page
    assert "| depth | 0.5 |  | at least 0.9 | **no** |\n" in page
    assert "did not hold" not in written["sums.md"]
    assert "Two \\| two are four. | **no** |\n" in index
    assert "Two \\| two are four. | yes |\n" in index


def test_networks_without_a_claim_have_a_page_and_those_of_libraries_a_line(written):
    index = written["index.md"]

    assert list(written) == ["index.md", "sums.md", "differences.md", "alone.md"]
    assert written["alone.md"].startswith(
        "# alone\n\n`alone`, for classification; arXiv:1111.11111"
    )
    assert (
        "| [`alone`](alone.md) | what is it | arXiv:1111.11111, 2011 | A small network |" in index
    )
    assert "| [`sums-net`](sums.md) |" in index
    assert "| `borrowed` | what is it | torchvision | arXiv:1111.11111, 2011 |\n" in index


def test_the_navigation_is_replaced_where_it_stands_and_nothing_else(program, written):
    before = (
        "nav:\n  - Home: index.md\n  - Models:\n      - Old: models/old.md\n  - Results: r.md\n"
    )

    after = program("model_pages").with_navigation(before, written)

    home, models, results = yaml.safe_load(after)["nav"]
    assert (home, results) == ({"Home": "index.md"}, {"Results": "r.md"})
    assert models["Models"] == [
        {"All": "models/index.md"},
        {"sums": "models/sums.md"},
        {"differences": "models/differences.md"},
        {"alone": "models/alone.md"},
    ]
