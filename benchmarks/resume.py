"""Kill a training at random moments, start it again each time, and compare what comes out.

    python benchmarks/resume.py
    python benchmarks/resume.py digits --data train.csv.gz --kills 20
    python benchmarks/resume.py --kills 50 --workers 2 --devices 2

One run is left alone. Others are killed with SIGKILL, which no program can catch, and started again
by the same command, until as many kills were dealt out as asked for. A kill takes all processes of
a run at once, as a power cut does. Their weights must be those of the run left alone, to the last
bit: their files must have the same SHA-256. Exit 1 if not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from akitsu.files import write_json
from akitsu.recipes.directory import METRICS, environment

FILES = ("best.safetensors", "final.safetensors")
# The first file that the loop writes.
LOG = "log.jsonl"
LOOK_EVERY_S = 0.02
# Without data: the recipe that draws its own, short, and with all that could go wrong often; but
# long enough that most kills find a snapshot to go on from.
EVALUATE = "extensions.evaluate=[30, iteration]"
ITERATIONS, ITERATIONS_A_KILL = 150, 30
SNAPSHOTS = "extensions.snapshot_seconds=1"


def main() -> int:
    arguments = parsed_arguments()
    command = command_of(arguments)
    shown = shown_command(arguments, command)
    print(shown)
    with tempfile.TemporaryDirectory() as scratch:
        document = {
            "command": shown,
            **measure(command, Path(scratch), kills=arguments.kills, seed=arguments.seed),
        }
    print(table(document))
    if arguments.output is not None:
        write_json(arguments.output, document)
    return 0 if document["same"] else 1


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipe", nargs="?", help="digits with --data, else scenes-masks, short")
    parser.add_argument("--data", type=Path, help="labelled pictures, as for akitsu train")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--devices", type=int, help="processes that train together")
    parser.add_argument("--workers", type=int, help="processes that read pictures for each")
    parser.add_argument("--command", help="another command line; {out} becomes the run's folder")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--output", type=Path, default=Path("docs/results/resume.json"))
    return parser.parse_args()


def command_of(arguments: argparse.Namespace) -> list[str]:
    if arguments.command is not None:
        return shlex.split(arguments.command)
    recipe = arguments.recipe or ("scenes-masks" if arguments.data is None else "digits")
    settings = [SNAPSHOTS]
    if not arguments.recipe and not arguments.data:
        iterations = max(ITERATIONS, ITERATIONS_A_KILL * arguments.kills)
        settings += [f"stop=[{iterations}, iteration]", EVALUATE]
    if arguments.devices is not None:
        settings.append(f"engine.devices={arguments.devices}")
    if arguments.workers is not None:
        # Pictures in memory need no workers: have them read, or drawn, for each batch.
        settings += [f"engine.workers={arguments.workers}", "data.in_memory=false"]
    settings += arguments.set
    command = [sys.executable, "-m", "akitsu", "train", recipe, "--out", "{out}"]
    command += [] if arguments.data is None else ["--data", str(arguments.data)]
    return command + [part for setting in settings for part in ("--set", setting)]


def shown_command(arguments: argparse.Namespace, command: list[str]) -> str:
    """As a person would type it; of a path only the name, since the result is published."""
    if arguments.command is not None:
        return " ".join(Path(word).name for word in command)
    words = [arguments.data.name if word == str(arguments.data) else word for word in command[3:]]
    return shlex.join(["akitsu", *words])


def measure(command: list[str], scratch: Path, *, kills: int, seed: int) -> dict:
    alone = scratch / "alone"
    seconds = left_alone(command, alone)
    generator = random.Random(seed)
    # Twice the mean step between kills, so that the last ones come near the end of the training.
    moments = iter(lambda: generator.uniform(0, 2 * seconds / max(kills, 1)), None)
    dealt: list[dict] = []
    folders: list[Path] = []
    while len(dealt) < kills:
        folders.append(scratch / f"killed-{len(folders) + 1}")
        killed(command, folders[-1], dealt, kills=kills, moments=moments)
    hashes = {folder.name: hashes_of(folder) for folder in [alone, *folders]}
    return {
        "seed": seed,
        "kills": dealt,
        "training_seconds_alone": round(seconds, 1),
        "sha256": hashes,
        "same": all(own == hashes["alone"] for own in hashes.values()),
        "environment": environment(),
    }


def left_alone(command: list[str], out: Path) -> float:
    """Run to the end; seconds from the first iteration to the last weights."""
    with started(command, out) as process:
        begin_s = time_of_start(process, out, log_before=None)
        while process.poll() is None and not (out / FILES[-1]).is_file():
            time.sleep(LOOK_EVERY_S)
        seconds = time.monotonic() - begin_s
        process.wait()
    require_success(process, out)
    return seconds


def killed(
    command: list[str], out: Path, dealt: list[dict], *, kills: int, moments: Iterator[float]
) -> None:
    """Run to the end, killed on the way until `kills` are dealt; each is added to `dealt`."""
    while len(dealt) < kills:
        log_before = written_at(out / LOG)
        with started(command, out) as process:
            time_of_start(process, out, log_before=log_before)
            after_s = next(moments)
            try:
                process.wait(timeout=after_s)
            except subprocess.TimeoutExpired:
                kill_all(process)
                found = newest_snapshot(out)
                dealt.append({"run": out.name, "after_s": round(after_s, 2), "snapshot": found})
            else:
                require_success(process, out)
        if (out / METRICS).is_file():
            return
    with started(command, out) as process:
        process.wait()
    require_success(process, out)


def time_of_start(process: subprocess.Popen, out: Path, *, log_before: int | None) -> float:
    """Wait for the loop, which writes its log anew, also after a resume: before that, while
    packages and pictures are loaded, a kill would prove nothing.
    """
    while process.poll() is None and written_at(out / LOG) == log_before:
        time.sleep(LOOK_EVERY_S)
    return time.monotonic()


def written_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.is_file() else None


@contextmanager
def started(command: list[str], out: Path) -> Iterator[subprocess.Popen]:
    """A training in a session of its own, of which nothing is left when the block ends."""
    words = [word.replace("{out}", str(out)) for word in command]
    with output_of(out).open("ab") as stream:
        process = subprocess.Popen(
            words, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        kill_all(process)


def kill_all(process: subprocess.Popen) -> None:
    """SIGKILL to a training with its workers and the other processes that it started."""
    with suppress(ProcessLookupError):  # nothing is left of it
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def output_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.txt")


def require_success(process: subprocess.Popen, out: Path) -> None:
    if process.returncode:
        tail = output_of(out).read_text(errors="replace")[-2000:]
        raise SystemExit(f"{tail}\nthe training in {out.name} ended with {process.returncode}")


def newest_snapshot(out: Path) -> int | None:
    """The iteration that the next start goes on from."""
    numbers = [int(path.stem) for path in out.glob("snapshots/*.pt") if path.stem.isdecimal()]
    return max(numbers, default=None)


def hashes_of(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def table(document: dict) -> str:
    lines = [f"{'kill':>4}  {'run':10} {'after':>7}  goes on from"]
    for number, kill in enumerate(document["kills"], start=1):
        snapshot = "none" if kill["snapshot"] is None else kill["snapshot"]
        lines.append(f"{number:4}  {kill['run']:10} {kill['after_s']:5.2f} s  {snapshot}")
    lines.append("")
    for name, own in document["sha256"].items():
        lines.append(f"{name:10} " + "  ".join(f"{file} {own[file][:16]}…" for file in FILES))
    lines.append("the same weights" if document["same"] else "DIFFERENT WEIGHTS")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
