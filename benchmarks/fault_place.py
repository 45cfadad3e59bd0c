"""Where the trainings that `faults.py` hurts stand: their pictures, their plug-in, their disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# As it is named in the recipe.
PROBE = "fault-probe"
# Of each split: how many, and the seed that they are drawn from.
PICTURES = {"train": (96, 0), "val": (24, 1)}
SMALL_DISK = "64m"


class LeftOutError(Exception):
    """A fault that cannot be tried here, and why."""


def draw_pictures(folder: Path) -> None:
    """Some of the scenes that akitsu draws, as the files of a person's own set."""
    from PIL import Image

    from akitsu.data.generated.handwriting import handwriting
    from akitsu.data.generated.scenes import scenes

    for split, (count, seed) in PICTURES.items():
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for index, sample in enumerate(scenes(count, seed=seed, digits=handwriting(split))):
            Image.fromarray(sample.image).save(folder / split / "images" / f"{index:03}.png")
            mask = sample.mask.clip(max=1)
            Image.fromarray(mask).save(folder / split / "masks" / f"{index:03}.png")
    (folder / "classes.txt").write_text("background\ndigit\n")


def announce_probe(folder: Path) -> None:
    """What pip would write of a package that brings an extension."""
    metadata = folder / "fault_probe-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: fault-probe\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        f"[akitsu.extensions]\n{PROBE} = fault_probe:FaultProbe\n"
    )


@contextmanager
def disk(place: Path, *, small: bool) -> Iterator[None]:
    """A folder; a small one is a disk of its own, in memory.

    Raises:
        LeftOutError: If it cannot be mounted.
    """
    place.mkdir()
    if not small:
        yield
        return
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(place)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = "the small disk that it needs can only be mounted by root, on Linux"
        raise LeftOutError(reason) from error
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
