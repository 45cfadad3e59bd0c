"""Small sets in shards for the tests, and the ways in which copying breaks them."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import numpy as np

from akitsu.data.formats.shard_index import RECORD
from akitsu.data.sample import Sample
from akitsu.data.shards import write_shards
from tests.data.formats.files import noise

SIZE_HW = (20, 30)
MOST = 3


@dataclass
class Listed:
    """A data set out of a list, as one that lies in no files."""

    samples: list[Sample]
    classes: list[str] = field(default_factory=lambda: ["cat", "dog", "owl"])

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def labelled(count, *, size_hw=SIZE_HW, channels=3):
    return Listed(
        [
            Sample(noise(size_hw, seed=i)[:, :, :channels], f"{i}.png", label=i % 3)
            for i in range(count)
        ]
    )


def boxed(count):
    """None to three boxes a picture; the first of two or three is difficult."""
    samples = []
    for i in range(count):
        boxes = np.array([[k, 2.3, 10 + k, 9.7] for k in range(i % 4)], np.float32).reshape(-1, 4)
        difficult = np.arange(len(boxes)) < len(boxes) - 1
        difficult[1:] = False
        labels = np.arange(len(boxes), dtype=np.int64)
        image = noise(seed=i)
        samples.append(Sample(image, str(i), boxes=boxes, labels=labels, difficult=difficult))
    return Listed(samples)


def masked(count):
    samples = []
    for i in range(count):
        mask = np.random.default_rng(i).choice(np.array([0, 1, 2, 255], np.uint8), SIZE_HW)
        samples.append(Sample(noise(seed=i), str(i), mask=mask))
    return Listed(samples)


KINDS = {"labels": labelled, "boxes": boxed, "masks": masked}


def written(root: Path, dataset, *, split: str = "train", shard_mb: int = 1) -> Path:
    write_shards(dataset, root / split, shard_mb=shard_mb)
    return root


def record(**files: bytes) -> bytes:
    """The bytes of one record; `mask_png` is mask.png."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for extension, content in files.items():
            info = tarfile.TarInfo(f"000000000.{extension.replace('_', '.')}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()


def shard_of(root: Path, content: bytes, *, task: str, classes=("cat", "dog", "owl"), **more):
    """A split of one shard with one record, sound on the outside, whatever its content."""
    folder = root / "train"
    folder.mkdir(parents=True)
    (folder / "000000.tar").write_bytes(content)
    np.save(folder / "index.npy", np.array([(0, len(content), crc32(content))], RECORD))
    description = {
        "task": task,
        "classes": list(classes),
        "pictures": 1,
        "most_boxes": 1,
        "shards": [{"file": "000000.tar", "bytes": len(content), "pictures": 1}],
        "version": 1,
    }
    (folder / "shards.json").write_text(json.dumps({**description, **more}))
    return root
