"""The verb `check` as a person types it, on two claims planted for it."""

from __future__ import annotations

import json

import pytest
import torch

from akitsu.claims import claim as claims
from akitsu.claims.claim import Claim, Evidence, at_least, true
from akitsu.cli import run

RIGHT, WRONG = "planted-right", "planted-wrong"


def planted(name, *, holds):
    def check(*, idea=True):
        """Two and two are four."""
        findings = (
            true("two and two are four", holds and idea),
            at_least("accuracy", [0.90, 0.92, 0.94], 0.9),
        )
        return Evidence(findings, lambda figure: figure.subplots(), limits="Three was not tried.")

    return Claim(
        name, "On Sums", "arXiv:0000.00000", 2001, ("digit-cnn",), "the plus", False, check
    )


@pytest.fixture(autouse=True)
def only_these(monkeypatch, tmp_path):
    """Two claims in the place of all, and an empty folder to stand in."""
    monkeypatch.setattr(claims, "_walk", lambda: None)
    known = {RIGHT: planted(RIGHT, holds=True), WRONG: planted(WRONG, holds=False)}
    monkeypatch.setattr(claims, "_claims", known)
    monkeypatch.chdir(tmp_path)


def test_a_claim_that_holds_is_printed_with_its_evidence(tmp_path, capsys):
    assert run(["check", RIGHT]) == 0

    shown, progress = capsys.readouterr()
    for part in (
        "On Sums (arXiv:0000.00000, 2001)",
        "Two and two are four.",
        "3 seeds",
        "at least",
    ):
        assert part in shown
    assert "Three was not tried." in shown
    assert "NO" not in shown
    assert f"evidence: claims/{RIGHT}.png" in shown
    assert progress == f"checking {RIGHT}\n"
    assert sorted(path.name for path in (tmp_path / "claims").iterdir()) == [
        f"{RIGHT}.json",
        f"{RIGHT}.png",
    ]


def test_the_file_says_all_that_a_page_needs(tmp_path):
    run(["check", RIGHT])

    document = json.loads((tmp_path / "claims" / f"{RIGHT}.json").read_text())

    assert document["statement"] == "Two and two are four."
    assert (document["paper"], document["year"]) == ("arXiv:0000.00000", 2001)
    assert (document["title"], document["models"]) == ("On Sums", ["digit-cnn"])
    assert (document["idea"], document["limits"]) == ("the plus", "Three was not tried.")
    assert document["holds"] is True
    assert document["seconds"] >= 0
    assert document["environment"]["versions"]["torch"]
    assert [finding["n"] for finding in document["findings"]] == [1, 3]


def test_one_claim_that_does_not_hold_is_exit_1_and_named(capsys):
    assert run(["check", WRONG, RIGHT, WRONG]) == 1

    shown, progress = capsys.readouterr()
    assert f"1 of 2 claims hold; not {WRONG}." in shown
    assert f"{WRONG} does NOT hold" in shown
    assert progress == f"checking {WRONG} (1 of 2)\nchecking {RIGHT} (2 of 2)\n"


def test_without_its_idea_a_claim_fails_into_files_of_its_own(tmp_path, capsys):
    assert run(["check", RIGHT, "--without-idea"]) == 1

    assert "Taken away: the plus." in capsys.readouterr().out
    assert {path.stem for path in (tmp_path / "claims").iterdir()} == {f"{RIGHT}-without-idea"}


def test_all_fill_the_documentation_of_a_checkout_and_elsewhere_a_folder(tmp_path, capsys):
    assert run(["check", "--all"]) == 1
    (tmp_path / "docs/results/claims").mkdir(parents=True)

    run(["check", "--all"])
    run(["check", "--all", "--without-idea"])

    published = {path.name for path in (tmp_path / "docs/results/claims").iterdir()}
    assert published == {f"{name}.{kind}" for name in (RIGHT, WRONG) for kind in ("json", "png")}
    own = {path.stem for path in (tmp_path / "claims").iterdir()}
    assert own == {stem for name in (RIGHT, WRONG) for stem in (name, f"{name}-without-idea")}


def test_json_is_one_document_on_stdout(capsys):
    assert run(["check", RIGHT, WRONG, "--json"]) == 1

    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is False
    assert [each["claim"] for each in document["claims"]] == [RIGHT, WRONG]
    assert [each["holds"] for each in document["claims"]] == [True, False]


def test_a_folder_that_was_named_is_written_over_only_with_force(tmp_path, capsys):
    output = ["--output", str(tmp_path / "mine")]
    run(["check", RIGHT, *output])

    assert run(["check", WRONG, RIGHT, *output]) == 2
    refused = capsys.readouterr().err.splitlines()[-1]
    assert run(["check", RIGHT, *output, "--force"]) == 0

    path = tmp_path / "mine" / f"{RIGHT}.json"
    assert refused == f"{path}: this file exists already; add --force to replace it."
    assert not (tmp_path / "mine" / f"{WRONG}.json").exists()


def test_alone_it_lists_the_claims(tmp_path, capsys):
    assert run(["check"]) == 0
    table = capsys.readouterr().out
    assert run(["check", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert all(word in table for word in (RIGHT, WRONG, "arXiv:0000.00000", "2001", "On Sums"))
    assert [each["claim"] for each in document["claims"]] == [RIGHT, WRONG]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["planted-rihgt"], f"there is no claim 'planted-rihgt'; write {RIGHT}.\n"),
        (["--all", RIGHT], "--all checks every claim; name claims, or write --all alone.\n"),
    ],
)
def test_a_mistake_is_a_sentence_before_anything_runs(words, sentence, tmp_path, capsys):
    assert run(["check", *words]) == 2

    assert capsys.readouterr() == ("", sentence)
    assert list(tmp_path.iterdir()) == []


def test_the_check_draws_its_chance_from_the_same_seed_alone_and_after_others(monkeypatch):
    drawn = []

    def check(*, idea=True):
        """Chance."""
        drawn.append(float(torch.rand(())))
        return Evidence((true("drawn", True),), lambda figure: figure.subplots())

    for name in ("a", "b"):
        given = Claim(name, "Chance", "arXiv:0000.00000", 2001, (), "chance", False, check)
        monkeypatch.setitem(claims._claims, name, given)

    run(["check", "a", "b"])

    assert drawn[0] == drawn[1]
