"""Where the frames of the benchmark come from: a server that can be killed, or a film."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import live_stamp
import numpy as np

FPS = 30
KINDS = ("file", "mjpeg", "rtsp")
SERVER = Path(__file__).with_name("live_server.py")
PYTHONS = {"mjpeg": sys.executable, "rtsp": "/usr/bin/python3"}
ADDRESSES = {"mjpeg": "http://127.0.0.1:{}/", "rtsp": "rtsp://127.0.0.1:{}/camera"}


class Server:
    """A server in a process of its own, which listens once this is made."""

    def __init__(self, kind: str, port: int) -> None:
        command = [PYTHONS[kind], str(SERVER), kind, str(port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "listening\n":
            self.kill()
            sys.exit(f"{' '.join(command)} does not run: see what it says")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def source(kind: str, seconds: float) -> Iterator[str]:
    """A film, or the address of a server that runs in the block."""
    if kind == "file":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stamped.mp4"
            write_film(path, frames=round((seconds + 1) * FPS))
            yield str(path)
        return
    port = free_port()
    server = Server(kind, port)
    try:
        yield ADDRESSES[kind].format(port)
    finally:
        server.kill()


def write_film(path: Path, *, frames: int) -> None:
    """A film whose frames are stamped with the time of the film."""
    size = (live_stamp.WIDTH, live_stamp.HEIGHT)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, size)
    for index in range(frames):
        pixels = np.frombuffer(live_stamp.drawn(round(1000 * index / FPS)), np.uint8)
        writer.write(cv2.cvtColor(pixels.reshape(size[::-1]), cv2.COLOR_GRAY2BGR))
    writer.release()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
