"""Ultralytics' smallest detector for `detect.py`, in a process of a Python that has it.

The process exports the network once, with random weights, then makes one call for each line that
it is sent. It is held to so many cores, since its session takes as many threads as it finds.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

NAME = "yolo26n"
INPUT_HW = [256, 320]
"""Multiples of 32 next to the default detector's 240 x 320."""

PROGRAM = """
import os, sys, json
threads, frame, model = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
os.environ["OMP_NUM_THREADS"] = str(threads)
out, sys.stdout = sys.stdout, sys.stderr
import numpy as np
import ultralytics
from ultralytics import YOLO
bgr = np.ascontiguousarray(np.load(frame)[:, :, ::-1])
if not os.path.exists(model):
    exported = YOLO(NAME + ".yaml").export(format="onnx", imgsz=INPUT_HW, simplify=False)
    os.replace(exported, model)
net = YOLO(model, task="detect")
call = lambda: net(bgr, imgsz=INPUT_HW, verbose=False, device="cpu")
call()
print(json.dumps({"version": ultralytics.__version__}), file=out, flush=True)
for line in sys.stdin:
    call()
    print("done", file=out, flush=True)
"""


class Peer:
    """The peer's calls; a process lives as long as its call is kept.

    Attributes:
        name: Of the network.
        version: Of ultralytics, once it has answered.
        input_hw: Rows and columns of its input.
    """

    name = f"Ultralytics {NAME}"
    input_hw = INPUT_HW

    def __init__(self, python: Path, frame: np.ndarray, scratch: Path) -> None:
        self.python, self.version = python.absolute(), ""
        self.scratch = scratch
        np.save(scratch / "frame.npy", frame)

    def opener(self, threads: int) -> Callable[[], object]:
        head = f"NAME, INPUT_HW = {NAME!r}, {INPUT_HW!r}\n"
        files = [str(self.scratch / name) for name in ("frame.npy", "peer.onnx")]
        process = subprocess.Popen(
            [str(self.python), "-c", head + PROGRAM, str(threads), *files],
            cwd=self.scratch,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.scratch / "peer.log").open("w"),
            text=True,
        )
        self.version = json.loads(self._line(process))["version"]
        return Call(process, self._line)

    def _line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            log = (self.scratch / "peer.log").read_text(encoding="utf-8")
            raise SystemExit(f"the peer ended with {process.wait()}:\n{log[-2000:]}")
        return line


class Call:
    """One call of the peer a call; its process ends with it."""

    def __init__(
        self, process: subprocess.Popen[str], line: Callable[[subprocess.Popen[str]], str]
    ) -> None:
        self.process, self.line = process, line

    def __call__(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.line(self.process)

    def __del__(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()
