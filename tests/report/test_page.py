from __future__ import annotations

import re
from base64 import b64decode
from html.parser import HTMLParser

import pytest

from akitsu.errors import OutputError
from akitsu.report.page import Facts, Folded, Picture, Scores, Text, write_page
from akitsu.scores.table import Row

PNG = b"\x89PNG\r\n\x1a\n and so on"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&lt;'


class Reader(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.text, self.crossed = [], [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        self.crossed |= self.open.pop() != tag

    def handle_data(self, data):
        self.text += data

    def of(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def sections(text="plain"):
    return [
        Text(text, f"{text}\n\nsecond paragraph"),
        Scores(text, [Row(text, "50.0 %", "40.0–60.0")]),
        Picture(text, PNG, alt=text, caption=text),
        Facts(text, {text: text, "threads": 2}),
        Folded(text, text),
    ]


def page(tmp_path, **changes):
    options = {"title": "A run", "sections": sections(), **changes}
    write_page(tmp_path / "report.html", **options)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_section_is_on_the_page_and_every_element_is_closed(tmp_path):
    seen = Reader(page(tmp_path, subtitle="seed 0"))

    assert not seen.crossed
    assert seen.open == []
    for word in ("A run", "seed 0", "second paragraph", "50.0 %", "40.0–60.0", "threads"):
        assert word in seen.text
    assert len(seen.of("h2")) == 4
    assert len(seen.of("details")) == 1


def test_a_hostile_string_is_shown_and_not_obeyed(tmp_path):
    written = page(tmp_path, title=HOSTILE, subtitle=HOSTILE, sections=sections(HOSTILE))
    seen = Reader(written)

    assert seen.of("script") == []
    assert [set(image) for image in seen.of("img")] == [{"src", "alt"}]
    assert seen.of("img")[0]["alt"] == HOSTILE
    assert seen.text.count("onerror") == 14  # title twice, subtitle, and eleven in the sections


def test_the_page_loads_nothing_from_anywhere(tmp_path):
    written = page(tmp_path)
    seen = Reader(written)

    assert not re.search(r"https?:|//|@import|url\(", written.replace("<!DOCTYPE html>", ""))
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in seen.elements}
    assert "default-src 'none'" in written


def test_a_picture_is_taken_in_byte_for_byte_from_a_file_or_from_memory(tmp_path):
    file = tmp_path / "curves.png"
    file.write_bytes(PNG)

    seen = Reader(page(tmp_path, sections=[Picture("", file, alt="a"), Picture("", PNG, alt="b")]))

    for image in seen.of("img"):
        kind, content = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert b64decode(content, validate=True) == PNG


def test_the_page_follows_the_readers_light_and_screen(tmp_path):
    written = page(tmp_path)

    assert "prefers-color-scheme: dark" in written
    assert 'name="viewport" content="width=device-width' in written
    assert '<html lang="en">' in written


def test_the_recipe_keeps_its_lines_and_its_blanks(tmp_path):
    recipe = "task: detection\ndata:\n  path: cells\n"

    assert f"<pre>{recipe}</pre>" in page(tmp_path, sections=[Folded("The recipe", recipe)])


def test_a_missing_picture_leaves_the_old_page_standing(tmp_path):
    before = page(tmp_path)

    with pytest.raises(FileNotFoundError):
        page(tmp_path, sections=[Picture("", tmp_path / "none.png", alt="")])

    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before


def test_a_place_that_cannot_be_written_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError):
        write_page(tmp_path / "file" / "report.html", title="", sections=[])
