"""Where is it, and how near: the newest frame of a camera, and the largest object in it.

    python examples/person_finder.py demo/where/model.onnx demo/film.mp4
    python examples/person_finder.py person.onnx 0 --class person

Prints the centre of the box in pixels and the box's share of the frame, which grows as the object
comes nearer: enough to turn towards it and to keep a distance. No PyTorch is needed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import akitsu
from akitsu.runtime.live import watch
from akitsu.runtime.sources import open_source


def main() -> None:
    arguments = parsed_arguments()
    for where in positions(arguments.model, arguments.source, arguments.class_name):
        if where is None:
            print("nobody")
        else:
            x, y, size = where
            print(f"x {x:6.1f}  y {y:6.1f}  size {size:.3f}", flush=True)


def positions(
    model: str, source: str, class_name: str | None = None
) -> Iterator[tuple[float, float, float] | None]:
    """Centre (x, y) in pixels and share of the frame of the largest object, frame by frame."""
    recognizer = akitsu.load(model)
    # A camera always gives its newest frame: a slow computer skips frames, it never lags behind.
    with open_source(source) as frames:
        for seen in watch(recognizer, frames, class_name=class_name):
            if not seen.objects:
                yield None
                continue
            largest = max(seen.objects, key=lambda one: one["size"])
            yield (*largest["position"], largest["size"])


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="a detector's .onnx file")
    parser.add_argument("source", help="a camera's number, a film, or a folder of pictures")
    parser.add_argument("--class", dest="class_name", help="look for this class alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
