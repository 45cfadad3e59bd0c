"""Fine-tuning beside training from nothing and few-shot, on the same pictures in one run.

The pictures are cut out of a detection set in Pascal VOC's layout: a picture for each box, sorted
into folders by class, those of one photo all in the same part. Every way gets the same seeds; a
seed is another cut into parts, too. Times are seconds of CPU time in one thread, which a busy
machine does not lengthen much: set AKITSU_THREADS=1 and OMP_NUM_THREADS=1.

    python benchmarks/fine_tuning.py VOC_FOLDER --pretrained FILE --output fine_tuning.json
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from akitsu.data.formats.registry import ReaderOptions, find_reader
from akitsu.data.sample import Dataset
from akitsu.files import read_json, write_json
from akitsu.recipes import directory
from akitsu.recipes.recipe import load
from akitsu.recipes.seeds import spread
from akitsu.recipes.train import train
from akitsu.runtime.pictures import write_picture

LEAST_SIDE = 40  # pixels of a box: smaller ones show nothing
MARGIN = 0.1  # of the box, on each side
MOST = 40  # pictures of one class: persons are everywhere
CLASSES = 8
VALIDATION = 3  # every third photo
SHARE = (0.2, 0.45)  # of a class's pictures that may come to lie in the validation part

# The photo, the class, and the picture cut out of it.
Box = tuple[str, str, np.ndarray]
NO_EARLY_STOP = "extensions.patience=null"
# The last is the small network that the recipe takes where there are no weights; its epochs are
# cheaper, and it gets more of them, at a rate that suits random weights.
WAYS: dict[str, tuple[str, list[str]]] = {
    "few-shot": ("few-shot", ["model.pretrained={file}"]),
    "fine-tuned": ("photos", ["model.pretrained={file}", "stop=[12, epoch]"]),
    "from nothing": (
        "photos",
        ["model.pretrained=null", "stop=[40, epoch]", "optimizer.lr=0.003", NO_EARLY_STOP],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="settings")
    given = parser.parse_args()
    boxes = cut_out(given.data)
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    counts: list[dict[str, int]] = []
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "photos"
            counts.append(sort_out(boxes, folder, seed=seed))
            for way in WAYS:
                out = Path(temporary) / way.replace(" ", "-")
                results[way].append(one(way, folder, out, seed=seed, given=given))
                print(seed, way, results[way][-1], flush=True)
        write_json(given.output, document(results, counts, given))


def cut_out(path: Path) -> list[Box]:
    """Photo, class and picture of every box of the classes with the most boxes."""
    reader = find_reader(path, "voc")
    found = []
    for split in reader.splits(path):
        if split in ("train", "val"):
            found += _boxes(reader.read(path, split, ReaderOptions()))
    often = [name for name, _ in Counter(name for _, name, _ in found).most_common(CLASSES)]
    return [each for each in found if each[1] in often]


def _boxes(dataset: Dataset) -> list[Box]:
    found = []
    for index in range(len(dataset)):
        sample = dataset[index]
        assert sample.boxes is not None
        assert sample.labels is not None
        height, width = sample.image.shape[:2]
        for box, label in zip(sample.boxes, sample.labels, strict=True):
            sides = box[2:] - box[:2]
            if sides.min() < LEAST_SIDE:
                continue
            low = np.maximum(box[:2] - MARGIN * sides, 0).astype(int)
            high = np.minimum(box[2:] + MARGIN * sides, (width, height)).astype(int)
            picture = sample.image[low[1] : high[1], low[0] : high[0]]
            found.append((sample.name, dataset.classes[label], picture))
    return found


def sort_out(boxes: list[Box], folder: Path, *, seed: int) -> dict[str, int]:
    """Write the pictures as folders; how many are in each part."""
    chance = np.random.default_rng(seed)
    kept: list[Box] = []
    for number in chance.permutation(len(boxes)):
        if sum(name == boxes[number][1] for _, name, _ in kept) < MOST:
            kept.append(boxes[number])
    validation = _validation_photos(kept, chance)
    parts: Counter[str] = Counter()
    for number, (photo, name, picture) in enumerate(kept):
        part = "val" if photo in validation else "train"
        parts[part] += 1
        write_picture(folder / part / name / f"{number:04d}.png", picture)
    return dict(parts)


def _validation_photos(boxes: list[Box], chance: np.random.Generator) -> set[str]:
    """A third of the photos, drawn again until each class has its share in both parts."""
    photos = sorted({photo for photo, _, _ in boxes})
    whole = Counter(name for _, name, _ in boxes)
    while True:
        chance.shuffle(photos)
        validation = set(photos[::VALIDATION])
        held = Counter(name for photo, name, _ in boxes if photo in validation)
        if all(SHARE[0] <= held[name] / n <= SHARE[1] for name, n in whole.items()):
            return validation


def one(
    way: str, data: Path, out: Path, *, seed: int, given: argparse.Namespace
) -> dict[str, float]:
    """Train once: accuracy on the validation part, and CPU time up to the scored model file."""
    name, settings = WAYS[way]
    recipe = load(
        name,
        settings=[
            f"data.path={data}",
            f"seed={seed}",
            *[each.format(file=given.pretrained.resolve()) for each in settings],
            *given.settings,
        ],
    )
    started_at_s = process_time()
    train(recipe, out, say=str)
    seconds = process_time() - started_at_s
    accuracy = read_json(out / directory.METRICS)["metrics"]["accuracy"]
    shutil.rmtree(out)
    interval = {end: accuracy[end] for end in ("low", "high")}
    return {"accuracy": accuracy["value"], **interval, "cpu_seconds": round(seconds, 1)}


def document(
    results: dict[str, list[dict[str, float]]], counts: list[dict[str, int]], given: Any
) -> dict[str, Any]:
    ways = {}
    for way, runs in results.items():
        over = spread([run["accuracy"] for run in runs]) if len(runs) > 1 else None
        ways[way] = {
            "accuracy": None
            if over is None
            else {"value": over.mean, "low": over.low, "high": over.high, "n": len(runs)},
            "runs": runs,
            "cpu_seconds": float(np.median([run["cpu_seconds"] for run in runs])),
        }
    return {
        "data": f"{CLASSES} classes cut out of a set of boxes, at most {MOST} pictures each",
        "pictures": counts,
        "pretrained": given.pretrained.name,
        "chance": 1 / CLASSES,
        "ways": ways,
        "environment": directory.environment(seeds=len(counts), cores=len(os.sched_getaffinity(0))),
    }


if __name__ == "__main__":
    main()
