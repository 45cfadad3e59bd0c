"""What shape is it: SqueezeNet-FCN, trained from a recipe that is written in Python.

    python examples/squeezenet_fcn.py
    python examples/squeezenet_fcn.py --data camvid/ --epochs 30

Without data it draws scenes and asks which pixels are ink. Ends with one picture beside what the
model file says of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import akitsu
from akitsu.data.formats.registry import read
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.train import train
from akitsu.runtime.pictures import write_picture


def main() -> None:
    arguments = parsed_arguments()
    recipe = make_recipe(arguments.data, epochs=arguments.epochs)
    folder = train(recipe, arguments.out, say=print)

    recognizer = akitsu.load(folder / "model.onnx")
    frame = read(arguments.data, "val", format=recipe.data.format)[0].image
    picture = folder / "first.png"
    write_picture(picture, np.hstack([frame, recognizer(frame).draw(frame)]))
    print(f"a picture and its shapes: {picture}")


def make_recipe(data: Path | None, *, epochs: int) -> Recipe:
    """Adam, weight decay and left-right flips, as the network was first trained."""
    source: dict[str, Any] = {"format": "scenes-masks"}
    if data is not None:
        source = {"format": "camvid", "path": str(data)}
    return Recipe.model_validate(
        {
            "name": "squeezenet-fcn",
            "task": "segmentation",
            "data": source,
            # Any size works: where a side is no multiple of 8, the network extends the picture.
            "model": {
                "name": "squeezenet-fcn",
                "input_hw": [96, 128] if data is None else [270, 360],
            },
            "optimizer": {"name": "adam", "lr": 0.001, "weight_decay": 0.0001},
            "augment": {"flip": 0.0 if data is None else 0.5},
            "batch_size": 8,
            "stop": [epochs, "epoch"],
        }
    )


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="CamVid's folder")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--out", type=Path, help="by default runs/squeezenet-fcn/1, 2, …")
    return parser.parse_args()


if __name__ == "__main__":
    main()
