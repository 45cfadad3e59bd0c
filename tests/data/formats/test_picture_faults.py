"""One broken picture for every way in which a picture breaks."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from akitsu.data.formats.picture_faults import examine_picture, read_header
from tests.data.formats.files import noise, write_image


def told(path: Path) -> list[tuple[str, str]]:
    return [(finding.code, finding.level) for finding in examine_picture(path)]


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "tif", "JPEG"])
def test_sound_pictures_have_no_fault(tmp_path, suffix):
    assert told(write_image(tmp_path / f"a.{suffix}", noise())) == []


def test_a_missing_picture_is_told_with_the_likely_one(tmp_path):
    write_image(tmp_path / "A.PNG", noise())

    (finding,) = examine_picture(tmp_path / "a.png")

    assert (finding.code, finding.level) == ("img-missing", "E")
    assert finding.do == "did you mean A.PNG"


@pytest.mark.parametrize("content", [b"", b"<html><body>404</body></html>", b"\0" * 99])
def test_what_is_no_picture_is_told_so(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)

    assert told(tmp_path / "a.jpg") == [("img-empty", "E")]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_half_a_picture_is_told_so(tmp_path, suffix):
    path = write_image(tmp_path / f"a.{suffix}", noise((80, 80)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    assert told(path) == [("img-truncated", "E")]


def test_a_jpeg_that_lacks_only_its_end_mark_is_a_warning(tmp_path):
    path = write_image(tmp_path / "a.jpg", noise((80, 80)))
    path.write_bytes(path.read_bytes()[:-2])

    assert told(path) in ([("img-truncated", "W")], [("img-truncated", "E")])


@pytest.mark.parametrize("side", [9000, 20_000])
def test_a_header_that_promises_too_much_is_never_decoded(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png_header(side, side))

    assert told(tmp_path / "a.png") == [("img-bomb", "E")]


def test_two_megapixels_in_a_few_bytes_are_a_bomb(tmp_path):
    (tmp_path / "a.png").write_bytes(png_header(2000, 1000))

    assert told(tmp_path / "a.png") == [("img-bomb", "E")]


def test_a_flat_picture_is_no_bomb(tmp_path):
    assert told(write_image(tmp_path / "a.png", np.zeros((4000, 3000, 3), np.uint8))) == []


def test_a_misnamed_picture_is_a_warning(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", format="PNG")

    assert told(tmp_path / "a.jpg") == [("img-ext", "W")]


def test_a_turned_picture_is_a_warning_and_its_size_is_the_upright_one(tmp_path):
    image = Image.fromarray(noise((20, 30)))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.jpg", exif=exif)

    header, _ = read_header(tmp_path / "a.jpg")

    assert told(tmp_path / "a.jpg") == [("img-exif", "W")]
    assert (header.size_hw, header.upright_hw) == ((20, 30), (30, 20))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP"])
@given(damage=st.binary(min_size=1, max_size=20), at=st.integers(0, 500))
@settings(max_examples=20, deadline=None)
def test_no_damage_to_a_picture_raises(tmp_path_factory, kind, damage, at):
    path = tmp_path_factory.mktemp("pictures") / "a"
    Image.fromarray(noise()).save(path, format=kind)
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])

    for finding in examine_picture(path):
        assert str(path) in finding.where
