"""One training that `faults.py` hurts: its process, its folder, and what it did and said."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fault_probe import ITERATIONS, VARIABLE

LOOK_EVERY_S = 0.002
# A start that takes longer hangs.
PATIENCE_S = 180.0


@dataclass
class Run:
    """A training that is started again by the same command until it is finished.

    Args:
        command: Of one start; "{out}" and "{data}" become the folders.
        out: The run's folder.
        data: The training's pictures.
        side: Where its probe writes, and its words are kept.
        path: Folders that Python shall look for modules in, beside its own.
    """

    command: Sequence[str]
    out: Path
    data: Path
    side: Path
    path: Sequence[Path] = ()

    def __post_init__(self) -> None:
        self.side.mkdir(parents=True, exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self._said = 0

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGKILL)

    def start(self) -> None:
        """The same command as before; in a session of its own, as in a terminal of its own."""
        places = {"{out}": str(self.out), "{data}": str(self.data)}
        words = [places.get(word, word) for word in self.command]
        path = os.pathsep.join([*map(str, self.path), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {VARIABLE: str(self.side), "PYTHONPATH": path.strip(os.pathsep)}
        self._said = self._words.stat().st_size if self._words.exists() else 0
        with self._words.open("ab") as stream:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process is not None and self.process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """To all its processes, as a terminal sends Ctrl-C."""
        if self.alive:
            assert self.process is not None
            os.killpg(self.process.pid, number)

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """The exit code, as a shell gives it; a process that does not end in time is killed."""
        assert self.process is not None
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            code = self.process.wait()
        return code if code >= 0 else 128 - code

    def wait_until(self, reached: Callable[[], bool]) -> bool:
        """Look until it is so; False if the process ends before, or takes too long."""
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            if reached():
                return True
            if not self.alive:
                return False
            time.sleep(LOOK_EVERY_S)
        return False

    def iterations(self) -> list[int]:
        """The number of every iteration that was done, also those done twice."""
        try:
            text = (self.side / ITERATIONS).read_text()
        except FileNotFoundError:
            return []
        return [int(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def snapshots(self) -> list[Path]:
        """The snapshots that are there, newest first."""
        found = [path for path in self.out.glob("snapshots/*.pt") if path.stem.isdecimal()]
        return sorted(found, key=lambda path: -int(path.stem))

    def half_written(self) -> list[Path]:
        """Snapshots that are being written, or were when the process died."""
        return list(self.out.glob("snapshots/.*.pt"))

    def words(self, *, of_last_start: bool = True) -> str:
        """What it said, without the folders that are nobody's business."""
        said = self._words.read_bytes()[self._said if of_last_start else 0 :]
        text = said.decode(errors="replace")
        for folder in (self.out.parent, self.data.parent):
            text = text.replace(f"{folder}{os.sep}", "")
        return text

    @property
    def _words(self) -> Path:
        return self.side / "words.txt"
