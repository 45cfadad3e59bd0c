"""How fast detectors run: the whole call of akitsu beside the bare graph and other runtimes.

    akitsu train bccd --data DATA --out RUN
    python -m venv peers && peers/bin/pip install ultralytics onnx onnxruntime
    python benchmarks/detect.py RUN --data DATA --darknet yolo-fastest-1.1.cfg \\
        --peer-python peers/bin/python --output docs/results/detect.json

Each detector is timed on one camera frame with 1 and 2 threads, all ways in turns and in one run:

- akitsu: `akitsu.load(file)(frame)`, so letterbox, network, decoding, suppression;
- onnxruntime: the same file's graph on an input that is made already, nothing before or after;
- akitsu int8, onnxruntime int8: the same two with the file that `akitsu export --int8` writes;
- torch: the graph's network in PyTorch, eager;
- OpenCV dnn: the convolutions alone, without normalisation and decoding, which it cannot read.

The run is trained, YOLO-Fastest has the weights of its authors; the others have random ones, for
time does not depend on them; what they would lose in int8 is not known. The peer is Ultralytics'
smallest network, exported by itself, called as its manual says, in a Python of its own. Then the
start: a fresh process from the file to its first result, in turns with onnxruntime alone.

Exit 1 if akitsu's call takes more than 1.10 times the bare graph, int8 less than twice the speed,
or the start more than the limits below.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import robot
from detect_networks import Detector, detectors, ways
from detect_peer import Peer

from akitsu.deploy.timing import Latency, interleaved
from akitsu.files import write_json
from akitsu.recipes.directory import environment
from akitsu.recipes.trained import open_run, read_split
from akitsu.runtime.recognizer import Recognizer

WHOLE_CALL = 1.10
INT8_SPEED = 2.0
START = {"seconds": 0.35, "megabytes": 110}
THREADS = (1, 2)


def main() -> int:
    arguments = parsed_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        document = measure(arguments, Path(scratch))
    print(table(document))
    for sentence in document["left_out"]:
        print(sentence)
    if arguments.output is not None:
        write_json(arguments.output, document)
    for complaint in document["complaints"]:
        print(f"too slow: {complaint}", file=sys.stderr)
    return 1 if document["complaints"] else 0


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="a run of the default detector")
    parser.add_argument("--data", type=Path, help="its pictures, where they moved")
    parser.add_argument("--darknet", type=Path, help=".cfg of YOLO-Fastest, .weights beside it")
    parser.add_argument("--peer-python", type=Path, help="a Python that has ultralytics")
    parser.add_argument("--networks", nargs="*", help="of the registry; by default see the code")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each way")
    parser.add_argument("--calls", type=int, default=20, help="timed calls of a turn, at most")
    parser.add_argument("--starts", type=int, default=9, help="fresh processes of each kind")
    parser.add_argument("--output", type=Path, help="write the figures here as JSON")
    return parser.parse_args()


def measure(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    trained = open_run(arguments.run)
    validation = read_split(trained.recipe, trained.recipe.data.validation, data=arguments.data)
    frame = np.ascontiguousarray(validation[0].image)
    found, left_out = detectors(
        trained, scratch, data=arguments.data, darknet=arguments.darknet, names=arguments.networks
    )
    openers: dict[tuple[str, str, int], Callable[[], Callable[[], object]]] = {}
    for detector in found:
        made, sentences = ways(detector, frame, scratch)
        left_out += sentences
        for threads in THREADS:
            for way, opener in made.items():
                openers[detector.name, way, threads] = partial(opener, threads)
    peer = None
    if arguments.peer_python is None:
        left_out.append("Ultralytics: no --peer-python.")
    else:
        peer = Peer(arguments.peer_python, frame, scratch)
        for threads in THREADS:
            openers[peer.name, "its own call", threads] = partial(peer.opener, threads)
    names = {"|".join(map(str, key)): opener for key, opener in openers.items()}
    latencies = interleaved(
        names,
        rounds=arguments.rounds,
        most_calls=arguments.calls,
        say=lambda text: print(text, file=sys.stderr),
    )
    timed = dict(zip(openers, latencies.values(), strict=True))
    document = {
        "frame_hw": list(frame.shape[:2]),
        "rounds": arguments.rounds,
        "detectors": [summary(each, timed, frame) for each in found],
        "peer": None if peer is None else peer_summary(peer, timed),
        "start": started(found[0], rounds=arguments.starts),
        "limits": {"whole_call": WHOLE_CALL, "int8_speed": INT8_SPEED, "start": START},
        "left_out": left_out,
        "environment": environment(cores=os.cpu_count(), vnni=has_vnni()),
    }
    return document | {"complaints": complaints(document)}


def summary(detector: Detector, timed: dict[Any, Latency], frame: np.ndarray) -> dict[str, Any]:
    """Milliseconds by way and threads, and the ratios that count; both of medians."""
    by_threads = {}
    for threads in THREADS:
        own = {
            way: each.median_s * 1e3
            for (name, way, count), each in timed.items()
            if name == detector.name and count == threads
        }
        whole = own["akitsu"] / own["onnxruntime"]
        ratios = {"whole_call": round(whole, 3)}
        if "onnxruntime int8" in own:
            ratios["int8_speed"] = round(own["onnxruntime"] / own["onnxruntime int8"], 2)
            ratios["whole_call_int8"] = round(own["akitsu int8"] / own["onnxruntime int8"], 3)
        milliseconds = {way: round(each, 2) for way, each in own.items()}
        by_threads[str(threads)] = {"median_ms": milliseconds, "ratios": ratios}
    recognizer = Recognizer(detector.path)
    return {
        "name": detector.name,
        "weights": detector.weights,
        "input_hw": list(recognizer.card.input_hw),
        "boxes_on_the_frame": len(recognizer(frame)),  # type: ignore[arg-type]
        "int8_loss": detector.int8_loss,
        "threads": by_threads,
    }


def peer_summary(peer: Peer, timed: dict[Any, Latency]) -> dict[str, Any]:
    own = {
        str(threads): round(timed[peer.name, "its own call", threads].median_s * 1e3, 2)
        for threads in THREADS
    }
    return {"name": peer.name, "version": peer.version, "input_hw": peer.input_hw, "median_ms": own}


def started(detector: Detector, *, rounds: int) -> dict[str, Any]:
    """From the file to the first result in fresh processes, by `benchmarks/robot.py`."""
    files = {"float32": detector.path, "int8": detector.int8}
    bodies = {"akitsu": robot.OURS, "onnxruntime": robot.PEER}
    card = Recognizer(detector.path).card
    runs: dict[str, list[dict[str, Any]]] = {}
    for turn in range(rounds + 1):
        for kind, path in files.items():
            for name, body in bodies.items():
                given = [path, *card.input_hw, card.channels, max(THREADS)]
                run = robot.measured(body, given)
                if turn and path is not None:  # the first only warms the disk's cache
                    runs.setdefault(f"{name} {kind}", []).append(run)
    return {
        name: {
            key: round(statistics.median(run[key] for run in own), 3)
            for key in ("seconds", "megabytes")
        }
        for name, own in runs.items()
    }


def complaints(document: dict[str, Any]) -> list[str]:
    """What is above a limit, in sentences."""
    found = []
    for each in document["detectors"]:
        for threads, own in each["threads"].items():
            where, ratios = f"{each['name']}, threads: {threads}", own["ratios"]
            if ratios["whole_call"] > WHOLE_CALL:
                found.append(f"{where}: the whole call takes {ratios['whole_call']} bare graphs.")
            if ratios.get("int8_speed", INT8_SPEED) < INT8_SPEED:
                found.append(f"{where}: int8 is {ratios['int8_speed']} times as fast as float32.")
    for key, most in START.items():
        for kind in ("float32", "int8"):
            own = document["start"][f"akitsu {kind}"][key]
            if own > most:
                found.append(f"{kind}, first result: {own} {key}, allowed {most}.")
    return found


def has_vnni() -> bool | None:
    """Whether this processor adds four products of 8 bits at once; None where it is not said."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return None
    return "vnni" in flags


def table(document: dict[str, Any]) -> str:
    lines = [f"{'median ms':34} {'threads':>7}  way"]
    for each in document["detectors"]:
        for threads, own in each["threads"].items():
            for way, milliseconds in own["median_ms"].items():
                lines.append(f"{each['name']:26} {milliseconds:7.2f} {threads:>7}  {way}")
            lines.append(f"{'':42}  {own['ratios']}")
    if document["peer"] is not None:
        peer = document["peer"]
        for threads, milliseconds in peer["median_ms"].items():
            lines.append(f"{peer['name']:26} {milliseconds:7.2f} {threads:>7}  its own call")
    for name, own in document["start"].items():
        lines.append(f"first result, {name}: {own['seconds']} s, {own['megabytes']} MB")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
