"""Does the live loop come back when its camera does, and does it stay as it is?"""

from __future__ import annotations

import statistics
import threading
import time
from pathlib import Path
from typing import Any

import live_stamp
from live_ages import Slow, looking
from live_source import ADDRESSES, Server, free_port

from akitsu.runtime.live import View
from akitsu.runtime.tracking import Tracker
from akitsu.runtime.views import Views

AWAY_S = 2.0
SAMPLE_S, WARM_MEMORY_S, KILLED_EVERY_S = 10.0, 60.0, 300.0


def restarts(kind: str, times: int) -> dict[str, Any]:
    """Kill the server and start it anew, and wait for the first frame of the new one."""
    port = free_port()
    first_frame_s, told = [], 0
    server = Server(kind, port)
    try:
        with looking(ADDRESSES[kind].format(port), Slow(0.0)) as views:
            next(view for view in views if view.state == "live")
            open_before = open_files()
            for _ in range(times):
                server.kill()
                killed_ms = live_stamp.now_ms()
                told += look_away(views, killed_ms)
                server = Server(kind, port)
                listening_ms = live_stamp.now_ms()
                # A frame that was made by the new server, to be sure that it is one.
                next(view for view in views if made_ms(view) > killed_ms)
                first_frame_s.append((live_stamp.now_ms() - listening_ms) / 1000)
            return {
                "times": times,
                "back": len(first_frame_s),
                "told_that_there_is_no_frame": told,
                "median_s": round(statistics.median(first_frame_s), 2),
                "longest_s": round(max(first_frame_s), 2),
                "away_s": AWAY_S,
                "open_files_more": open_files() - open_before,
                "threads": threading.active_count(),
            }
    finally:
        server.kill()


def look_away(views: Views, killed_ms: float) -> bool:
    """Look on while the server is away; whether the loop said that there is no frame."""
    told = False
    for view in views:
        told = told or view.state != "live"
        if live_stamp.now_ms() - killed_ms > 1000 * AWAY_S:
            return told
    return told


def made_ms(view: View) -> float:
    stamp_ms = live_stamp.read(view.frame.image) if view.state == "live" else None
    return -1 if stamp_ms is None else stamp_ms


def soak(kind: str, lasts_s: float) -> dict[str, Any]:
    """Memory, threads and files of the loop while it runs, killed servers included."""
    port, samples = free_port(), []
    server = Server(kind, port)
    begun_s = sampled_s = killed_s = time.monotonic()
    frames = 0
    try:
        with looking(ADDRESSES[kind].format(port), Slow(10.0), tracker=Tracker()) as views:
            for view in views:
                frames += view.state == "live"
                now_s = time.monotonic()
                if now_s - sampled_s >= SAMPLE_S:
                    sampled_s = now_s
                    samples.append((now_s - begun_s, resident_mb(), threads_here(), open_files()))
                if now_s - killed_s >= KILLED_EVERY_S:
                    killed_s = now_s
                    server.kill()
                    server = Server(kind, port)
                if now_s - begun_s >= lasts_s:
                    break
    finally:
        server.kill()
    # Caches and pools fill in the first minute, or, where all is shorter, in its first third.
    warm_s = min(WARM_MEMORY_S, lasts_s / 3)
    warm = [sample for sample in samples if sample[0] >= warm_s] or samples
    tenth = max(1, len(warm) // 10)
    start_mb = statistics.median(sample[1] for sample in warm[:tenth])
    end_mb = statistics.median(sample[1] for sample in warm[-tenth:])
    return {
        "source": kind,
        "minutes": round(lasts_s / 60, 1),
        "frames": frames,
        "start_mb": round(start_mb, 1),
        "end_mb": round(end_mb, 1),
        "growth_mb": round(end_mb - start_mb, 1),
        "threads": sorted({sample[2] for sample in warm}),
        "open_files": sorted({sample[3] for sample in warm}),
    }


def resident_mb() -> float:
    return status_number("VmRSS") / 1024


def threads_here() -> int:
    """Of the process, FFmpeg's own included."""
    return status_number("Threads")


def status_number(name: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
