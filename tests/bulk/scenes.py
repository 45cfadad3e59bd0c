"""Pictures of one colour each, encoded, and the ways in which a run may find them."""

from __future__ import annotations

import io
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

COLOURS = ("red", "green", "blue")
TASKS = ("classification", "detection", "segmentation")


def picture(colour, *, size=(20, 24), kind="PNG"):
    pixels = np.full((*size, 3), 20, np.uint8)
    pixels[:, :, COLOURS.index(colour)] = 220
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


CUT = picture("red", size=(60, 60), kind="JPEG")[:400]
BROKEN = {
    "cut.jpg": (CUT, "a broken picture"),
    "empty.png": (b"", "an empty file"),
    "text.png": (b"no picture at all", "a text where a picture belongs"),
}


def sound(count):
    """Names with their pictures; the colours take turns."""
    return {f"{number:03}.png": picture(COLOURS[number % 3]) for number in range(count)}


def write_folder(folder, contents):
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def tar_of(contents, *, mode="w:"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def parquet_of(columns, **options):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink, **options)
    return sink.getvalue()
