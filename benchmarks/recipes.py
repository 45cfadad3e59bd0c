"""A recipe on its data: time of the whole command, memory, and whether the model file agrees.

    python benchmarks/recipes.py digits --data train.csv.gz
    python benchmarks/recipes.py bccd --data bccd/ --robot-python robot/bin/python

Runs `akitsu train` as a user would, then `akitsu evaluate` on the run and on its model file: their
scores must agree to 0.1 points (one point is a hundredth), and the memory must stay below the
limits here, else the exit is 1. Give with --robot-python an environment that has the base install
only. Other busy processes make the time worthless.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from akitsu.files import read_json, write_json

POINTS_ALLOWED = 0.1
MEGABYTES_ALLOWED = {"digits": 1500, "camvid": 3000}


def main() -> int:
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        out = arguments.out or Path(scratch) / arguments.recipe
        document = measure(arguments, out)
    print(table(document))
    write_json(arguments.output or Path("docs/results") / f"{arguments.recipe}.json", document)
    allowed = MEGABYTES_ALLOWED.get(arguments.recipe, math.inf)
    agree = document["model_file"]["points_apart"] <= POINTS_ALLOWED
    return 0 if agree and document["peak_megabytes"] <= allowed else 1


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipe")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--out", type=Path, help="keep the run in this folder")
    parser.add_argument(
        "--robot-python", default=sys.executable, help="an interpreter with the base install only"
    )
    parser.add_argument("--output", type=Path, help="by default docs/results/RECIPE.json")
    return parser.parse_args()


def measure(arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    words = ["train", arguments.recipe, "--data", str(arguments.data), "--out", str(out)]
    words += [word for setting in arguments.set for word in ("--set", setting)]
    started_s = time.perf_counter()
    subprocess.run([sys.executable, "-m", "akitsu", *words], check=True)
    seconds = time.perf_counter() - started_s
    megabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    metrics = read_json(out / "metrics.json")
    again = scores_of(sys.executable, out, arguments.data)
    robot = scores_of(arguments.robot_python, out / "model.onnx", arguments.data)
    return {
        # Of paths only the names, since the result is published.
        "command": shlex.join(["akitsu", *words[:3], arguments.data.name, *words[6:]]),
        "seconds": round(seconds, 1),
        "peak_megabytes": round(megabytes),
        "pictures": metrics["n"],
        "scores": {name: own for name, own in metrics["metrics"].items() if "value" in own},
        "on_the_way": curve(out / "log.jsonl"),
        "model_file": {
            "base_install_only": arguments.robot_python != sys.executable,
            "points_apart": round(
                100 * max(abs(robot[name] - again[name]) for name in again if name != "log_loss"), 3
            ),
            "scores": robot,
        },
        "environment": read_json(out / "environment.json"),
    }


def scores_of(python: str, target: Path, data: Path) -> dict[str, float]:
    """The scores over all classes, as `akitsu evaluate` prints them."""
    command = [python, "-m", "akitsu", "evaluate", str(target), "--data", str(data)]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [*command, "--split", "val", "--json", "--output", f"{scratch}/evaluation"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    metrics = json.loads(done.stdout)["metrics"]
    return {name: own["value"] for name, own in metrics.items() if "value" in own}


def curve(log: Path) -> list[dict[str, float]]:
    """Every validation during the training: seconds since its start, and the scores."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    prefix = "validation/main/"
    return [
        {
            "elapsed_s": line["elapsed_s"],
            **{key.removeprefix(prefix): own for key, own in line.items() if prefix in key},
        }
        for line in lines
        if any(prefix in key for key in line)
    ]


def table(document: dict[str, Any]) -> str:
    lines = [document["command"]]
    lines.append(f"{document['seconds']:.1f} s, at most {document['peak_megabytes']} MB resident")
    for name, own in document["scores"].items():
        interval = f"{own['low']:.4f}-{own['high']:.4f}"
        robot = document["model_file"]["scores"][name]
        lines.append(f"{name:18} {own['value']:.4f} ({interval})  model file {robot:.4f}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
