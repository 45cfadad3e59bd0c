"""From a model file to its first result, in a fresh process: time, memory, and what was imported.

    python benchmarks/robot.py model.onnx --output docs/results/robot.json

The peer is onnxruntime alone on the same file: the frame squeezed into the input by OpenCV, the
graph run, its outputs left as they are. Both take turns, each time in a new process, so that the
machine's moods fall on both; medians over the rounds are compared. Exit 1 if akitsu takes more than
the limits below.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from akitsu.files import write_json
from akitsu.recipes.directory import environment
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.threads import available_threads

HEAVY = ("torch", "matplotlib", "scipy", "pydantic", "sklearn", "typer", "rich", "PIL", "cv2")
FRAME_HW = (480, 640)
SECONDS_ALLOWED, MEGABYTES_ALLOWED = 0.45, 135

START = """
import time
started_s = time.perf_counter()
import sys
import numpy as np
path, rows, columns, channels, threads = sys.argv[1], *map(int, sys.argv[2:])
frame = np.random.default_rng(0).integers(0, 256, ({height}, {width}, 3), np.uint8)
"""

OURS = """
import akitsu
akitsu.load(path, threads=threads)(frame)
"""

PEER = """
import cv2
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
image = frame if channels == 3 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
image = cv2.resize(image, (columns, rows)).reshape(1, rows, columns, channels)
session.run(None, {"images": image})
"""

END = """
seconds = time.perf_counter() - started_s
import json, resource
unit = 1024**2 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
try:  # unlike ru_maxrss it does not count the process that started this one
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
except OSError:
    pass
heavy = [name for name in {heavy!r} if name in sys.modules]
print(json.dumps({{"seconds": seconds, "megabytes": peak, "imported": heavy}}))
"""


def main() -> int:
    arguments = parsed_arguments()
    card = Recognizer(arguments.model).card
    threads = available_threads()
    given = [arguments.model, *card.input_hw, card.channels, threads]
    runs: dict[str, list[dict]] = {"akitsu": [], "onnxruntime": []}
    for turn in range(arguments.rounds + 1):
        for name, body in (("akitsu", OURS), ("onnxruntime", PEER)):
            run = measured(body, given)
            if turn:  # the first only warms the disk's cache
                runs[name].append(run)
    document = summary(runs, card=card)
    print(table(document))
    if arguments.output is not None:
        write_json(arguments.output, document)
    ours = document["medians"]["akitsu"]
    return 0 if all(ours[key] <= most for key, most in document["allowed"].items()) else 1


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="a model file of akitsu")
    parser.add_argument("--rounds", type=int, default=7, help="processes of each kind")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    return parser.parse_args()


def measured(body: str, given: list[object]) -> dict:
    height, width = FRAME_HW
    code = START.format(height=height, width=width) + body + END.format(heavy=HEAVY)
    command = [sys.executable, "-c", code, *map(str, given)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def summary(runs: dict[str, list[dict]], *, card) -> dict:
    medians = {
        name: {
            "seconds": round(statistics.median(run["seconds"] for run in own), 4),
            "megabytes": round(statistics.median(run["megabytes"] for run in own), 1),
            "imported": own[0]["imported"],
        }
        for name, own in runs.items()
    }
    ours, peer = medians["akitsu"], medians["onnxruntime"]
    return {
        "model": card.model,
        "task": card.task,
        "input_hw": list(card.input_hw),
        "frame_hw": list(FRAME_HW),
        "rounds": len(runs["akitsu"]),
        "medians": medians,
        "ratio": {key: round(ours[key] / peer[key], 3) for key in ("seconds", "megabytes")},
        "allowed": {"seconds": SECONDS_ALLOWED, "megabytes": MEGABYTES_ALLOWED},
        "environment": environment(),
    }


def table(document: dict) -> str:
    lines = [f"{document['model']} ({document['task']}), {document['rounds']} fresh processes each"]
    lines.append(f"{'':12} {'seconds':>8} {'MB':>7}  imported")
    for name, own in document["medians"].items():
        imported = " ".join(own["imported"]) or "-"
        lines.append(f"{name:12} {own['seconds']:8.3f} {own['megabytes']:7.1f}  {imported}")
    ratio = document["ratio"]
    lines.append(f"{'ratio':12} {ratio['seconds']:8.3f} {ratio['megabytes']:7.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
