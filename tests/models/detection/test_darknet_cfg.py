"""Darknet's .cfg files: what is read, and where what is wrong stands."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akitsu.errors import ModelFileError
from akitsu.models.detection.darknet_cfg import parse_cfg, read_cfg

TEXT = """
# a comment
[net]
width = 32   # one in line
height=64
; another kind

[Convolutional]
filters=18
layers = -1, 8 ,
scales=.1,1e-3
"""


def test_sections_keys_and_lines_are_read_wherever_the_spaces_are():
    net, layer = parse_cfg(TEXT, file="a.cfg")

    assert (net.kind, net.line, layer.kind, layer.line) == ("net", 3, "convolutional", 8)
    assert (net.whole("width", 0), net.whole("height", 0), net.whole("channels", 3)) == (32, 64, 3)
    assert layer.wholes("layers", least=-9) == (-1, 8)
    assert layer.numbers("scales") == (0.1, 0.001)
    assert layer.numbers("anchors") == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("width=1\n[net]\n", 1, "stands before the first"),
        ("[net]\n\nwidth 1\n", 3, "neither"),
        ("[net]\n[conv\n", 2, "no .section."),
        ("[net]\n[]\n", 2, "no .section."),
        ("[net]\n=3\n", 2, "neither"),
    ],
)
def test_a_line_that_is_nothing_is_named(text, line, what):
    with pytest.raises(ModelFileError, match=rf"^a\.cfg:{line}: .*{what}"):
        parse_cfg(text, file="a.cfg")


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("3.5", "no whole number"),
        ("-1", "out of range"),
        ("9" * 20, "out of range"),
        ("1,2", "2 n"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_section_and_line(value, what):
    (section,) = parse_cfg(f"[maxpool]\n\nsize={value}\n", file="a.cfg")

    with pytest.raises(ModelFileError, match=rf"^a\.cfg:3: \[maxpool\] size: .*{what}"):
        section.whole("size", 2)


@pytest.mark.parametrize("value", ["a", "nan", "inf", "1e99"])
def test_what_is_no_number_is_refused(value):
    (section,) = parse_cfg(f"[yolo]\nscale_x_y={value}\n", file="a.cfg")

    with pytest.raises(ModelFileError, match=r"^a\.cfg:2: \[yolo\] scale_x_y"):
        section.number("scale_x_y", 1.0)


@pytest.mark.parametrize("content", [b"", b"\0\1\2", b"[convolutional]\n", b"x" * (2**20 + 1)])
def test_a_file_that_describes_no_network_is_refused(tmp_path, content):
    (tmp_path / "a.cfg").write_bytes(content)

    with pytest.raises(ModelFileError, match=r"name Darknet's \.cfg file"):
        read_cfg(tmp_path / "a.cfg")


def test_a_network_without_layers_is_refused(tmp_path):
    (tmp_path / "a.cfg").write_text("[net]\nwidth=1\n")

    with pytest.raises(ModelFileError, match="no layer follows it"):
        read_cfg(tmp_path / "a.cfg")


@given(st.text(max_size=200))
def test_no_text_brings_the_reader_down(text):
    with suppress(ModelFileError):
        assert all(section.line >= 1 for section in parse_cfg(text, file="a.cfg"))
