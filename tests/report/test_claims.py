"""Figures of a claim in words, and its picture."""

from __future__ import annotations

import pytest
from PIL import Image

from akitsu.claims.claim import at_least, at_most, equal, true
from akitsu.report.claims import draw_claim, rows

CASES = {
    "a whole number": (equal("parameters", 62_346, 62_346), "62,346"),
    "a large mean": (at_most("multiply-adds", 123_456.7, 2e5), "123,457"),
    "a middle one": (at_most("milliseconds", 1234.56, 2000), "1,234.6"),
    "a share": (at_least("accuracy", 0.912345, 0.9), "0.9123"),
    "a mean of seeds": (at_least("accuracy", [0.90, 0.92, 0.94], 0.9), "0.92"),
    "right": (true("same", True), "yes"),
    "wrong": (true("same", False), "no"),
    "no number": (at_most("loss", float("nan"), 1), "no number"),
}


@pytest.mark.parametrize(("finding", "words"), CASES.values(), ids=CASES)
def test_a_figure_is_said_as_exactly_as_it_is_known(finding, words):
    (row,) = rows([finding.to_json()])

    assert row.value == words
    assert (row.what, row.demand) == (finding.statement, finding.demand)
    assert row.holds == finding.holds


def test_only_a_mean_has_an_interval():
    several, single = at_least("accuracy", [0.90, 0.92, 0.94], 0.9), at_least("accuracy", 0.92, 0.9)

    intervals = [row.interval for row in rows([several.to_json(), single.to_json()])]

    assert intervals == ["0.8703 to 0.9697, 3 seeds", ""]


def test_a_picture_without_the_idea_says_so_above_what_the_claim_drew(tmp_path):
    seen = []

    def draw(figure):
        figure.subplots()
        figure.suptitle("two ways")
        seen.append(figure)

    draw_claim(tmp_path / "with.png", draw)
    draw_claim(tmp_path / "without.png", draw, without="the shortcuts")

    assert [each.get_suptitle() for each in seen] == [
        "two ways",
        "taken away: the shortcuts\ntwo ways",
    ]
    for name in ("with.png", "without.png"):
        with Image.open(tmp_path / name) as picture:
            assert min(picture.size) > 300
