from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from akitsu.errors import DataError, OutputError
from akitsu.runtime.pictures import (
    decode_mask,
    decode_picture,
    list_pictures,
    picture_size,
    read_mask,
    read_picture,
    write_picture,
)

NOISE = np.random.default_rng(3).integers(0, 256, (9, 13, 3)).astype(np.uint8)


def png(image=NOISE, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", **options)
    return buffer.getvalue()


def jpeg(image=NOISE, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=95, **options)
    return buffer.getvalue()


def grey_png(indices, bits):
    """A grey PNG of 2 or 4 bits, which Pillow itself cannot write (PNG, section 11.2.1)."""
    height, width = indices.shape
    per_byte = 8 // bits
    rows = b""
    for row in indices:
        padded = [*row.tolist(), *[0] * (-width % per_byte)]
        groups = [padded[i : i + per_byte] for i in range(0, len(padded), per_byte)]
        packed = [sum(v << (8 - bits * (i + 1)) for i, v in enumerate(group)) for group in groups]
        rows += b"\0" + bytes(packed)
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def huge_header(side):
    """A PNG that promises side x side pixels and has none."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    for kind, data in [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]:
        start += struct.pack(">I", len(data)) + kind + data
        start += struct.pack(">I", zlib.crc32(kind + data))
    return start


HOSTILE = {
    "empty": (b"", "an empty file"),
    "web page": (b"<!DOCTYPE html><html>404</html>", "a web page or XML where a picture belongs"),
    "text": (b"hello, I am\nno picture", "a text where a picture belongs"),
    "noise": (bytes(range(256)), "not a picture of a known kind"),
    "cut PNG": (png()[:200], "a broken picture"),
    "cut JPEG": (jpeg()[:-40], "a broken picture"),
    "only a PNG's signature": (png()[:8], "not a picture of a known kind"),
    "100 megapixels": (huge_header(10_000), "more than 64,000,000 pixels"),
    "a decompression bomb": (huge_header(100_000), "more than 64,000,000 pixels"),
    "PostScript, which starts a program": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "a text where",
    ),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("read", [read_picture, read_mask])
def test_a_hostile_file_is_named_and_explained(tmp_path, content, reason, read):
    path = tmp_path / "street.jpg"
    path.write_bytes(content)

    with pytest.raises(DataError) as caught:
        read(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)


def test_a_large_picture_is_refused_without_a_warning_beside_it(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(huge_header(10_000))

    with warnings.catch_warnings(record=True) as caught, pytest.raises(DataError):
        read_picture(path)

    assert caught == []


def test_a_flipped_byte_in_a_png_never_gives_other_pixels(tmp_path):
    """Every byte in turn: refused, or one that no pixel depends on."""
    path, sound = tmp_path / "a.png", png()
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x10]) + sound[at + 1 :])
        try:
            image = read_picture(path)
        except DataError:
            continue
        np.testing.assert_array_equal(image, NOISE)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="there is no such file or folder"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(DataError, match="a folder where a picture belongs"):
        read_picture(tmp_path)


def test_the_limit_is_the_callers(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png())

    with pytest.raises(DataError, match="a picture of 13 x 9 with more than 100 pixels"):
        read_picture(path, max_pixels=100)


def test_a_png_comes_back_as_it_was_written(tmp_path):
    write_picture(tmp_path / "a.png", NOISE)

    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), NOISE)


def test_grey_is_one_channel(tmp_path):
    write_picture(tmp_path / "a.png", NOISE[:, :, :1])

    grey = read_picture(tmp_path / "a.png", grey=True)

    np.testing.assert_array_equal(grey, NOISE[:, :, :1])


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_turned_camera_gives_an_upright_picture(tmp_path, orientation):
    """Stored so that the viewer has to turn it: 6 is stored a quarter turn to the left."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    path.write_bytes(png(np.ascontiguousarray(TURNED[orientation](NOISE)), exif=exif))

    np.testing.assert_array_equal(read_picture(path), NOISE)
    assert picture_size(path) == (9, 13)


def test_broken_metadata_leaves_the_picture_readable(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(jpeg(exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage"))

    assert read_picture(path).shape == (9, 13, 3)


def test_sixteen_bits_keep_the_upper_eight(tmp_path):
    deep = np.array([[0, 255, 256, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")

    assert read_picture(tmp_path / "a.png")[0, :, 0].tolist() == [0, 0, 1, 255]


def test_thirty_two_bits_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")

    with pytest.raises(DataError, match="pixels of 32 bits"):
        read_picture(tmp_path / "a.tiff")


def test_what_is_transparent_is_laid_over_white(tmp_path):
    clear = np.zeros((1, 2, 4), np.uint8)
    clear[0, 1] = 10, 20, 30, 255
    Image.fromarray(clear).save(tmp_path / "a.png")

    assert read_picture(tmp_path / "a.png").tolist() == [[[255, 255, 255], [10, 20, 30]]]


@pytest.mark.parametrize("mode", ["P", "CMYK", "1", "LA", "YCbCr"])
def test_every_kind_of_picture_comes_out_in_colour(tmp_path, mode):
    path = tmp_path / ("a.png" if mode in ("P", "1", "LA") else "a.jpg")
    Image.new("RGB", (5, 4), (255, 255, 255)).convert(mode).save(path)

    image = read_picture(path)

    np.testing.assert_array_equal(image, np.full((4, 5, 3), 255, np.uint8))


INDICES = np.array([[0, 1, 2, 3, 0], [3, 2, 1, 0, 1]], np.uint8)


@pytest.mark.parametrize("bits", [2, 4])
def test_a_mask_of_few_bits_keeps_its_indices(tmp_path, bits):
    """Pillow spreads such values over 0 to 255, so that index 3 of 2 bits would become 255."""
    path = tmp_path / "m.png"
    path.write_bytes(grey_png(INDICES, bits))

    np.testing.assert_array_equal(read_mask(path), INDICES)


@pytest.mark.parametrize("mode", ["L", "P", "I;16"])
def test_a_mask_of_any_index_kind_is_read(tmp_path, mode):
    picture = Image.fromarray(INDICES.astype(np.uint16) if mode == "I;16" else INDICES)
    if mode == "P":
        picture.putpalette([7] * 768)
    picture.save(tmp_path / "m.png")

    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), INDICES)


def test_a_black_and_white_mask_is_zeros_and_ones(tmp_path):
    Image.fromarray(INDICES > 1).save(tmp_path / "m.png")

    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), INDICES > 1)


def test_a_colour_picture_is_no_mask(tmp_path):
    write_picture(tmp_path / "m.png", NOISE)

    with pytest.raises(DataError, match=r"a colour picture \(RGB\) where class indices belong"):
        read_mask(tmp_path / "m.png")


def test_an_index_over_255_is_named(tmp_path):
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "m.png")

    with pytest.raises(DataError, match="class index 300 where 0 to 255 belong"):
        read_mask(tmp_path / "m.png")


def test_pictures_are_listed_by_the_bytes_of_their_names(tmp_path):
    for name in ("a.PNG", "B.jpg", "10.jpeg", "9.png", "é.webp", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()

    names = [path.name for path in list_pictures(tmp_path)]

    assert names == ["10.jpeg", "9.png", "B.jpg", "a.PNG", "é.webp"]


def test_listing_what_is_no_folder_is_a_sentence(tmp_path):
    (tmp_path / "a.txt").touch()

    with pytest.raises(DataError, match="a file where a folder belongs"):
        list_pictures(tmp_path / "a.txt")
    with pytest.raises(DataError, match="there is no such file or folder"):
        list_pictures(tmp_path / "none")


def test_a_picture_is_not_replaced_unless_forced(tmp_path):
    path = tmp_path / "a.png"
    write_picture(path, NOISE)

    with pytest.raises(OutputError, match="--force"):
        write_picture(path, NOISE, force=False)


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"not written as \.bmp"):
        write_picture(tmp_path / "a.bmp", NOISE)


def test_the_content_of_a_file_reads_as_the_file_does(tmp_path):
    """Pictures in shards are decoded from memory; turned, grey and torn ones as anywhere else."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.png"
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4)).save(path, exif=exif)
    content = path.read_bytes()

    assert (decode_picture(content, where="a.tar") == read_picture(path)).all()
    assert decode_picture(content, where="a.tar", grey=True).shape == (4, 3, 1)
    assert (decode_mask(content, where="a.tar") == read_mask(path)).all()
    with pytest.raises(DataError, match=r"a\.tar, record 3: a broken picture"):
        decode_picture(content[:-20], where="a.tar, record 3")
    with pytest.raises(DataError, match=r"a\.tar, record 3: an empty file"):
        decode_mask(b"", where="a.tar, record 3")
