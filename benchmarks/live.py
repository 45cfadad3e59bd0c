"""How old is what the live loop shows, does it come back, and does it stay the same for an hour?

    python benchmarks/live.py --output docs/results/live.json
    python benchmarks/live.py --seconds 10 --restarts 2 --minutes 2

A source of thirty frames a second and a model that takes 200 ms a frame. Every frame carries the
moment at which it was made in its picture (`live_stamp.py`), so that its age is measured from end
to end: drawing, encoding, network, decoding, waiting, and the model. Beside it the usual loop of
`cv2.VideoCapture.read`, on the same sources in the same run, and the age that a frame has before
any model has seen it (a loop that does nothing but read).

- *file*: a video played at its own pace. *mjpeg*: HTTP, as of cheap cameras. *rtsp*: H.264 from
  Debian's GStreamer, which it needs: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-plugins-ugly. `--sources` chooses.
- Restarts: the server is killed, and started anew some seconds later.
- Soak: the loop with tracking on a stream whose server is killed every five minutes, for
  `--minutes`; resident memory, threads and open files are noted every ten seconds.

Exit 1 if the 99th percentile of the ages is above one frame, one inference and that age of a frame
before any model; if it did not come back each time; or if memory grew by 10 MB or more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import cv2
from live_ages import INFERENCE_MS, ages
from live_endurance import restarts, soak
from live_source import FPS, KINDS
from rich.console import Console
from rich.table import Table

from akitsu.files import write_json
from akitsu.runtime.threads import opencv

MEMORY_LIMIT_MB = 10.0


def main() -> int:
    arguments = parsed_arguments()
    opencv()  # before any other use of it: FFmpeg says nothing on stderr
    document: dict[str, Any] = {
        "fps": FPS,
        "inference_ms": INFERENCE_MS,
        "seconds": arguments.seconds,
        "ages": {kind: ages(kind, arguments.seconds) for kind in arguments.sources},
        "restarts": {
            kind: restarts(kind, arguments.restarts)
            for kind in arguments.sources
            if kind != "file" and arguments.restarts
        },
        "memory_limit_mb": MEMORY_LIMIT_MB,
    }
    if arguments.minutes:
        kind = "mjpeg" if "mjpeg" in arguments.sources else arguments.sources[-1]
        document["soak"] = soak(kind, arguments.minutes * 60)
    # Only now: it brings PyTorch, whose memory is none of the loop's.
    from akitsu.recipes.directory import environment

    document["environment"] = environment(opencv=cv2.__version__)
    document["misses"] = misses(document)
    if arguments.output is not None:
        write_json(arguments.output, document)
    print_tables(document)
    return 1 if document["misses"] else 0


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sources", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seconds", type=float, default=60.0, help="of every look at an age")
    parser.add_argument("--restarts", type=int, default=20, help="of each server")
    parser.add_argument("--minutes", type=float, default=60.0, help="of the soak")
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


def limit_ms(looks: dict[str, Any]) -> float:
    """One frame, one inference, and what the stream takes before any program can see a frame."""
    before_ms = looks["read_only"]["p50_ms"] if "read_only" in looks else 0.0
    inference_ms = looks["akitsu"].get("inference_p99_ms", INFERENCE_MS)
    return round(1000 / FPS + float(inference_ms) + before_ms, 1)


def misses(document: dict[str, Any]) -> list[str]:
    """What is not as it has to be, in words."""
    found = []
    for kind, looks in document["ages"].items():
        age_ms, at_most_ms = looks["akitsu"].get("p99_ms"), limit_ms(looks)
        if age_ms is None or age_ms > at_most_ms:
            found.append(f"{kind}: {age_ms} ms old, where {at_most_ms} ms is the limit")
    for kind, back in document["restarts"].items():
        if back["told_that_there_is_no_frame"] < back["times"]:
            found.append(f"{kind}: a server was away, and nothing was said")
        if back["open_files_more"] > 0:
            found.append(f"{kind}: {back['open_files_more']} files stay open")
    soaked = document.get("soak")
    if soaked is not None and soaked["growth_mb"] >= document["memory_limit_mb"]:
        found.append(f"memory grew by {soaked['growth_mb']} MB")
    return found


def print_tables(document: dict[str, Any]) -> None:
    console = Console()
    table = Table(title="Age of the frame that is shown, in ms")
    for column in ("source", "as read", "p50", "p99", "limit", "dropped", "naive p50", "last"):
        table.add_column(column)
    for kind, looks in document["ages"].items():
        shown = looks["akitsu"]
        numbers = (
            looks.get("read_only", {}).get("p50_ms", ""),
            *(shown.get(key) for key in ("p50_ms", "p99_ms")),
            limit_ms(looks),
            shown.get("dropped"),
            *(looks["naive"].get(key) for key in ("p50_ms", "last_ms")),
        )
        table.add_row(kind, *map(str, numbers))
    console.print(table)
    for kind, back in document["restarts"].items():
        console.print(f"{kind}: {back}")
    console.print(f"soak: {document.get('soak')}")
    for miss in document["misses"]:
        console.print(f"MISSED {miss}", style="red")


if __name__ == "__main__":
    sys.exit(main())
