"""Kill a training at random moments, run the same command again each time, compare the weights.

    python benchmarks/resume.py --kills 10

The final weights have to have the SHA-256 of those of a training that nobody disturbed. The table
goes to the terminal, the figures to docs/results/resume.json; the exit status is 1 if one differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from akitsu.files import write_json
from akitsu.recipes.directory import environment

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "resume.json"
WEIGHTS = ("final.safetensors", "best.safetensors")
SETTINGS = ("stop=[3, epoch]", "extensions.evaluate=[1, epoch]", "extensions.snapshot_seconds=2")
LONGEST_S = 3600


def main() -> int:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp())
    try:
        return _compare(arguments, folder)
    finally:
        shutil.rmtree(folder)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--recipe", default="scenes-masks")
    parser.add_argument("--data", default=None)
    parser.add_argument("--set", action="append", default=None, metavar="KEY=VALUE")
    return parser.parse_args()


def _compare(arguments: argparse.Namespace, folder: Path) -> int:
    whole, killed = folder / "whole", folder / "killed"
    started_at_s = time.monotonic()
    subprocess.run(_command(arguments, whole), check=True, capture_output=True)
    length_s = time.monotonic() - started_at_s

    moments = random.Random(arguments.seed)
    rows = []
    for number in range(1, arguments.kills + 1):
        # Long enough that some work is done, short enough that all kills find a training to kill.
        wait_s = moments.uniform(0.1, 1.0) * max(length_s / 2, 8)
        rows.append({"kill": number, **_kill(_command(arguments, killed), killed, wait_s)})
        print(f"kill {number}: after {wait_s:.1f} s, {rows[-1]['state']}", flush=True)
    if not (killed / "metrics.json").is_file():
        subprocess.run(_command(arguments, killed), check=True, capture_output=True)

    digests = {name: [_sha256(run / name) for run in (whole, killed)] for name in WEIGHTS}
    equal = {name: one == other for name, (one, other) in digests.items()}
    for name, (one, other) in digests.items():
        print(f"{name}: {one[:16]} undisturbed, {other[:16]} killed and resumed")
    document = {
        "recipe": arguments.recipe,
        "settings": arguments.set or list(SETTINGS),
        "kills": rows,
        "sha256": digests,
        "equal": equal,
        "environment": environment(seed=arguments.seed),
    }
    write_json(RESULTS, document)
    print("equal" if all(equal.values()) else "DIFFERENT")
    return 0 if all(equal.values()) else 1


def _command(arguments: argparse.Namespace, out: Path) -> list[str]:
    command = [sys.executable, "-m", "akitsu", "train", arguments.recipe, "--out", str(out)]
    if arguments.data:
        command += ["--data", arguments.data]
    for setting in arguments.set or SETTINGS:
        command += ["--set", setting]
    return command


def _kill(command: list[str], out: Path, wait_s: float) -> dict[str, object]:
    """Start the training, kill it after a while; a finished one is begun anew."""
    if (out / "metrics.json").is_file():
        shutil.rmtree(out)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=min(wait_s, LONGEST_S))
        state = f"it had ended by itself with {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        snapshots = sorted(int(path.stem) for path in out.glob("snapshots/[0-9]*.pt"))
        log = out / "log.jsonl"
        lines = log.read_text().splitlines() if log.is_file() else []
        epoch = json.loads(lines[-1])["epoch"] if lines else 0
        state = f"epoch {epoch} logged, newest snapshot {snapshots[-1] if snapshots else 'none'}"
    return {"after_s": round(wait_s, 1), "state": state}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
