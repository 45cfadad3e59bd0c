"""What the robot has to carry: packages and megabytes of the base install, and how it starts.

    python benchmarks/footprint.py --output docs/results/footprint.json

Makes a fresh virtual environment, installs the checkout without any extra, and looks. It needs a
package index. Exit 1 if more than the limits below is found.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

from akitsu.files import write_json
from akitsu.recipes.directory import environment

ROOT = Path(__file__).parents[1]
# The environment brings its own pip, which nobody needs in order to run a model.
NOT_OURS = ("pip", "setuptools")
ALLOWED = {"packages": 28, "megabytes": 420, "help_seconds": 0.3}


def main() -> int:
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch) / "robot", rounds=arguments.rounds)
    document = {**found, "allowed": ALLOWED, "environment": environment()}
    for name, allowed in ALLOWED.items():
        print(f"{name:13} {found[name]:>7}  (at most {allowed})")
    if arguments.output is not None:
        write_json(arguments.output, document)
    return 0 if all(found[name] <= allowed for name, allowed in ALLOWED.items()) else 1


def measure(folder: Path, *, rounds: int) -> dict[str, Any]:
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)
    listed = json.loads(output_of([python, "-m", "pip", "list", "--format", "json"]))
    packages = {own["name"]: own["version"] for own in listed if own["name"] not in NOT_OURS}
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "pip"], check=True)
    size = sum(path.stat().st_size for path in folder.rglob("*") if not path.is_symlink())
    seconds = []
    for _ in range(rounds + 1):
        started_s = time.perf_counter()
        output_of([str(folder / "bin" / "akitsu"), "--help"])
        seconds.append(time.perf_counter() - started_s)
    return {
        "packages": len(packages),
        "megabytes": round(size / 1e6),
        "help_seconds": round(statistics.median(seconds[1:]), 3),  # the first warms the disk
        "versions": packages,
    }


def output_of(command: list[str]) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
