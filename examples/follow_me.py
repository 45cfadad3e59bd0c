"""Follow me: turn towards a person, keep a distance, and stop when nobody is seen any more.

    python examples/follow_me.py person 0 --class person --focal 600
    python examples/follow_me.py model.onnx film.mp4

`follow` is the whole control loop; put the motors of your robot where it prints.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

import akitsu
from akitsu.runtime.live import View

KEEP_M = 2.0
STOP = (0.0, 0.0)


def follow(views: Iterable[View]) -> None:
    followed = None
    try:
        for view in views:
            # The one whom it follows already, or else whoever is seen best; None: nobody.
            same = (person for person in view.objects if person["id"] == followed)
            person = next(same, view.best)
            followed = None if person is None else person["id"]
            drive(*command(person), view)
    finally:  # also after Ctrl-C and any mistake
        drive(*STOP)


def command(person: dict[str, Any] | None) -> tuple[float, float]:
    """Forward and turn (to the right), both -1 to 1."""
    if person is None:
        return STOP
    away = person["distance_m"]
    # From one camera a distance is an interval: its near end keeps the robot clear of everybody.
    forward = 0.0 if away is None else max(-1.0, min(1.0, away["low"] / KEEP_M - 1))
    return forward, person["offset"][0]


def drive(forward: float, turn: float, view: View | None = None) -> None:
    why = "end" if view is None else f"{view.state}, {1000 * view.age_s:.0f} ms old"
    print(f"forward {forward:+.2f}  turn {turn:+.2f}  ({why})", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", help="a detector's .onnx file, or the word person")
    parser.add_argument("source", help="a camera's number, an address or a film")
    parser.add_argument("--class", dest="class_name", help="look for this class alone")
    parser.add_argument("--focal", type=float, help="the camera's focal length in pixels")
    told = parser.parse_args()
    with akitsu.watch(
        told.model,
        told.source,
        class_name=told.class_name,
        focal_px=told.focal,
        track=True,
        stale_after_s=0.3,
    ) as views:
        follow(views)


if __name__ == "__main__":
    main()
