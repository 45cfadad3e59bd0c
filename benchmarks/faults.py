"""Hurt a training in every way that a night may bring, start it again, and compare what comes out.

    python benchmarks/faults.py
    python benchmarks/faults.py --times 1 --only "full disk" --only Ctrl-C

One run is left alone. For each fault another one is hurt at random moments, mended where a person
would mend it, and started again by the same command until it is finished. It has to say what befell
it, with the right exit code; to lose no iteration but those since the snapshot that stood, and none
where it could still save itself; and to end with the weights and the log of the run left alone, to
the last bit. Exit 1 if not.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from fault_kinds import FAULTS, Fault
from fault_place import PROBE, LeftOutError, announce_probe, disk, draw_pictures
from hurt_run import Run
from resume import LOG, hashes_of

from akitsu.files import write_json
from akitsu.recipes.directory import environment

LAST_ITERATION = 120
# No fault comes after this part of the run: a torn picture is met within the epoch that follows.
LATEST = 0.8
# An iteration takes a part of it, so that a fault comes anywhere in one.
DELAY_S = 0.1
SETTINGS = (
    "data.format=masks",
    "batch_size=8",
    "extensions.evaluate=[40, iteration]",
    "extensions.snapshot_seconds=1",
    f"extensions.more=[{PROBE}]",
)
# Starts and runs: a fault that does not come about in so many is a mistake of this program.
TRIES = 20


def main() -> int:
    arguments = parsed_arguments()
    # The trainings, and a small disk, shall not outlive this program.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    command = command_of(arguments)
    shown = shown_command(arguments, command)
    print(shown)
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        document = {"command": shown, **measure(arguments, command, Path(scratch))}
    print(table(document))
    if arguments.output is not None:
        write_json(arguments.output, document)
    return 0 if document["passed"] else 1


def parsed_arguments() -> argparse.Namespace:
    names = [fault.name for fault in FAULTS]
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=3, help="that each fault is tried")
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--iterations", type=int, default=LAST_ITERATION, help="of a training")
    parser.add_argument("--set", action="append", default=[], help="KEY=VALUE of the recipe")
    parser.add_argument("--command", help="another one; {out} and {data} become the folders")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--output", type=Path, default=Path("docs/results/faults.json"))
    return parser.parse_args()


def command_of(arguments: argparse.Namespace) -> list[str]:
    if arguments.command is not None:
        return shlex.split(arguments.command)
    command = [sys.executable, "-m", "akitsu", "train", "scenes-masks", "--data", "{data}"]
    stop = f"stop=[{arguments.iterations}, iteration]"
    return [*command, "--out", "{out}", *in_words(stop, *SETTINGS, *arguments.set)]


def in_words(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def shown_command(arguments: argparse.Namespace, command: list[str]) -> str:
    """As a person would type it; of a path only the name, since the result is published."""
    if arguments.command is not None:
        return " ".join(Path(word).name for word in command)
    return shlex.join(["akitsu", *command[3:]])


def measure(arguments: argparse.Namespace, command: list[str], scratch: Path) -> dict[str, Any]:
    draw_pictures(scratch / "pictures")
    announce_probe(scratch / "plugin")
    trial = Trial(arguments, command, scratch)
    rows, left_out = [], []
    for fault in FAULTS:
        if arguments.only and fault.name not in arguments.only:
            continue
        begin_s = time.monotonic()
        try:
            rows.append(trial.row(fault))
        except LeftOutError as error:
            left_out.append(f"{fault.name} is left out: {error}.")
        print(f"{fault.name}: {time.monotonic() - begin_s:.0f} s", file=sys.stderr)
    return {
        "seed": arguments.seed,
        "last_iteration": arguments.iterations,
        "faults": rows,
        "left_out": left_out,
        "passed": all(row["same_result"] and not row["complaints"] for row in rows),
        "environment": environment(),
    }


class Trial:
    """All runs of one command, beside the one that was left alone."""

    def __init__(self, arguments: argparse.Namespace, command: list[str], scratch: Path) -> None:
        self.arguments, self.command, self.scratch = arguments, command, scratch
        (scratch / "alone").mkdir()
        with self._run("alone") as alone:
            alone.start()
            self.expected = result_of(alone)

    def row(self, fault: Fault) -> dict[str, Any]:
        """A line of the table: one run after another is hurt until the fault came often enough."""
        generator = random.Random(f"{self.arguments.seed} {fault.name}")
        times = self.arguments.times
        dealt: list[dict[str, Any]] = []
        same = True
        for number in range(1, TRIES + 1):
            name = f"{fault.name.partition(',')[0].replace(' ', '-')}-{number}"
            small = disk(self.scratch / name, small=fault.small_disk)
            with small, self._run(name, *fault.settings) as run:
                dealt += self._hurt(run, fault, generator, times=times - len(dealt))
                same = result_of(run) == self.expected and same
                shutil.rmtree(run.out)
            if len(dealt) >= times:
                return row_of(fault, dealt, same=same)
        raise SystemExit(f"{fault.name} did not come about in {TRIES} runs: make them longer")

    def _run(self, name: str, *settings: str) -> Run:
        own = [] if self.arguments.command is not None else in_words(*settings)
        return Run(
            [*self.command, *own],
            out=self.scratch / name / "run",
            data=self.scratch / "pictures",
            side=self.scratch / f"{name}-side",
            path=[self.scratch / "plugin", Path(__file__).parent],
        )

    def _hurt(
        self, run: Run, fault: Fault, generator: random.Random, *, times: int
    ) -> list[dict[str, Any]]:
        """Hurt a run; when this ends it is started for the last time, or finished already."""
        latest = LATEST * self.arguments.iterations
        dealt: list[dict[str, Any]] = []
        run.start()
        for _ in range(TRIES):
            if len(dealt) == times:
                return dealt
            moment = latest * (len(dealt) + generator.random()) / times
            if not run.wait_until(partial(arrived, run, fault, moment)):
                return dealt
            time.sleep(generator.uniform(0, DELAY_S))
            begin_s = time.monotonic()
            fault.hurt(run, generator)
            code = run.wait()
            if code == 0:
                return dealt
            if not fault.landed(run):
                run.start()
                continue
            one = {"exit_code": code, "ended_after_s": round(time.monotonic() - begin_s, 2)}
            dealt.append(one | started_again(run, fault, generator, code=code))
        raise SystemExit(f"{fault.name} did not come about in {TRIES} starts")


def result_of(run: Run) -> dict[str, Any]:
    """Hashes of the weights, and the log without its times."""
    code = run.wait()
    if code:
        raise SystemExit(f"{run.words()[-2000:]}\nthe training ended with {code}")
    rows = [json.loads(line) for line in (run.out / LOG).read_text().splitlines()]
    log = [{key: row[key] for key in row if key != "elapsed_s"} for row in rows]
    return {**hashes_of(run.out), "log": log}


def arrived(run: Run, fault: Fault, moment: float) -> bool:
    iterations = run.iterations()
    return bool(iterations) and iterations[-1] >= moment and len(run.snapshots()) >= fault.snapshots


def started_again(run: Run, fault: Fault, generator: random.Random, *, code: int) -> dict[str, Any]:
    """Mend the run and start it; what it lost, what it said, and what was wrong with that."""
    fault.after(run, generator)
    complaint, words = fault.complaint(run), run.words()
    iterations = run.iterations()
    done, stands = iterations[-1], int(run.snapshots()[fault.snapshots - 1].stem)
    fault.mend(run, generator)
    run.start()
    run.wait_until(lambda: len(run.iterations()) > len(iterations))
    again = run.iterations()[len(iterations) :]
    lost = done - (again[0] - 1) if again else 0
    allowed = 0 if fault.saves else done - stands
    said = run.words() if fault.says_it_later else words
    found = re.search(fault.says, said)
    shown = words[words.find("Traceback") :] if "Traceback" in words else ""
    complaints = {
        f"exit code {code} where {fault.exit_code} belongs": code != fault.exit_code,
        f"it says nothing like {fault.says!r}": found is None,
        f"it shows a traceback: {shown[-800:]}": shown != "",
        f"{lost} iterations lost where {allowed} may be": lost > allowed,
        complaint or "": complaint is not None,
    }
    return {
        "iteration": done,
        "snapshot": stands,
        "work_lost_iterations": lost,
        "allowed_iterations": allowed,
        "said": "" if found is None else found.group(),
        "complaints": [text for text, holds in complaints.items() if holds],
    }


def row_of(fault: Fault, dealt: list[dict[str, Any]], *, same: bool) -> dict[str, Any]:
    worst = max(dealt, key=lambda one: one["work_lost_iterations"])
    return {
        "fault": fault.name,
        "tried": len(dealt),
        "said": dealt[0]["said"],
        "exit_code": dealt[0]["exit_code"],
        "work_lost_iterations": worst["work_lost_iterations"],
        "allowed_iterations": worst["allowed_iterations"],
        "same_result": same,
        "complaints": [text for one in dealt for text in one["complaints"]],
        "dealt": dealt,
    }


def table(document: dict[str, Any]) -> str:
    lines = [f"{'fault':42} tried  exit  lost  allowed  result     it said"]
    for row in document["faults"]:
        lines.append(
            f"{row['fault']:42} {row['tried']:5} {row['exit_code']:5} "
            f"{row['work_lost_iterations']:5} {row['allowed_iterations']:8}  "
            f"{'the same ' if row['same_result'] else 'DIFFERENT'}  {row['said'][:60]}"
        )
        lines += [f"    WRONG: {text}" for text in row["complaints"]]
    return "\n".join([*lines, *document["left_out"]])


if __name__ == "__main__":
    sys.exit(main())
