"""Small data sets for the tests, written as strangers would write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Object = tuple[str, Sequence[object]]


def write_image(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def noise(size_hw: tuple[int, int] = (20, 30), *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size_hw, 3), np.uint8)


def xml(objects: Iterable[Object], *, size_wh: tuple[int, int] | None = (30, 20)) -> str:
    """A label as LabelImg writes it; each object is its name and four corners."""
    size = "" if size_wh is None else "<size><width>{}</width><height>{}</height></size>"
    parts = [
        f"<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{x0}</xmin>"
        f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1) in objects
    ]
    return f"<annotation>{size.format(*(size_wh or ()))}{''.join(parts)}</annotation>"


def write_voc(folder: Path, labels: dict[str, Iterable[Object] | str]) -> Path:
    """A VOC folder of pictures of 30 x 20 pixels; a string is the label file's text itself."""
    (folder / "Annotations").mkdir(parents=True, exist_ok=True)
    for seed, (stem, objects) in enumerate(labels.items()):
        write_image(folder / "JPEGImages" / f"{stem}.png", noise(seed=seed))
        text = objects if isinstance(objects, str) else xml(objects)
        (folder / "Annotations" / f"{stem}.xml").write_text(text, encoding="utf-8")
    return folder


def write_lists(folder: Path, **lists: str) -> None:
    """ImageSets/Main/NAME.txt with one stem a line, given with spaces between them."""
    (folder / "ImageSets" / "Main").mkdir(parents=True)
    for name, stems in lists.items():
        (folder / "ImageSets" / "Main" / f"{name}.txt").write_text("\n".join(stems.split()))


def write_pairs(folder: Path, masks: dict[str, np.ndarray], *, split: str = "train") -> Path:
    """images/ and masks/ of one split; pictures are as large as their masks."""
    for seed, (stem, mask) in enumerate(masks.items()):
        write_image(folder / split / "images" / f"{stem}.png", noise(mask.shape[:2], seed=seed))
        write_image(folder / split / "masks" / f"{stem}.png", mask)
    return folder
