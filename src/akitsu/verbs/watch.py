"""`akitsu watch`: a model at work on a camera, stream, video or folder, frame by frame."""

from __future__ import annotations

import json
import sys
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from akitsu.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from akitsu.runtime.distance import Ruler
    from akitsu.runtime.live import Seen, Unseen
    from akitsu.runtime.page.server import Page
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.sources import Source
    from akitsu.runtime.video import Recorder
    from akitsu.runtime.window import Window

EXAMPLE = "akitsu watch model.onnx --source 0 --class person --record seen.mp4"

PICTURES_FPS = 2.0
"""A folder has no pace of its own: in a recording each picture can be looked at."""

REMEMBERED_LATENCIES = 10_000
"""The summary's median is over the last so many frames, so that memory stays where it is."""


def watch(
    model: Annotated[
        Path,
        typer.Argument(
            help="A run's folder, a model file (.onnx), or the word person: a small person finder, "
            "fetched once."
        ),
    ],
    source: Annotated[
        str, typer.Option(help="Camera number, URL, video, bag, folder of pictures, or picture.")
    ] = "0",
    topic: Annotated[
        str | None, typer.Option(help="Of a ROS bag or MCAP file: which topic's pictures.")
    ] = None,
    class_: Annotated[
        str | None, typer.Option("--class", metavar="NAME", help="Look for this class alone.")
    ] = None,
    score_threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Leave less certain detections out.")
    ] = None,
    tile: Annotated[
        bool,
        typer.Option(
            "--tile", help="For small things in large frames: look at overlapping tiles, too."
        ),
    ] = False,
    track: Annotated[
        bool, typer.Option("--track", help="Give what is seen numbers that stay.")
    ] = False,
    focal_px: Annotated[
        float | None,
        typer.Option(
            "--focal",
            min=1,
            help="The camera's focal length in pixels: gives people their distance in metres.",
        ),
    ] = None,
    camera: Annotated[
        Path | None,
        typer.Option(help="What akitsu calibrate wrote: as --focal, and the lens is undone."),
    ] = None,
    height_m: Annotated[
        float | None,
        typer.Option(
            "--height",
            min=0.01,
            help="With --focal or --camera: metres that what is looked for is high.",
        ),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print instead of showing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line a frame.")] = False,
    serve: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Show it on a page for browsers, of this machine or of others (0.0.0.0:8000).",
        ),
    ] = None,
    record: Annotated[Path | None, typer.Option(help="Record what is seen (.mp4).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the recording.")] = False,
    frames: Annotated[int | None, typer.Option(min=1, help="End after so many frames.")] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play a video at its own pace, and drop as live.")
    ] = False,
    timeout_s: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.1,
            help="Seconds without a frame to give up after; by default 10 for the first frame, and "
            "a camera that is lost later is waited for.",
        ),
    ] = None,
) -> None:
    """See what a model sees: live from a camera, or frame by frame from files."""
    from akitsu.runtime.live import watch as watch_frames
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.sources import open_source
    from akitsu.runtime.tiles import OVERLAP
    from akitsu.runtime.tracking import tracker_for
    from akitsu.verbs.person_finder import model_or_person

    ruler = _ruler(focal_px, camera, height_m)
    recognizer = Recognizer(model_or_person(model), tile_overlap=OVERLAP if tile else None)
    tally = _Tally()
    tracker = tracker_for(recognizer.card, score_threshold=score_threshold) if track else None
    with ExitStack() as stack:
        opened = stack.enter_context(
            open_source(source, realtime=realtime, timeout_s=timeout_s, topic=topic)
        )
        page = None
        if serve is not None:
            page = _page(
                serve,
                recognizer,
                opened,
                title=model.name,
                only=class_,
                score_threshold=score_threshold,
                ruler=ruler,
                tracker=tracker,
            )
            stack.enter_context(page)
        stream = watch_frames(
            recognizer,
            opened,
            class_name=class_,
            score_threshold=score_threshold,
            ruler=ruler,
            tracker=tracker,
            candidates_from=None if page is None else page.screen.candidates_from,
        )
        recorder = _recorder(stack, record, source=opened, force=force)
        is_elsewhere = headless or as_json or page is not None
        window = None if is_elsewhere else _window(stack, title=f"akitsu {model.name}")
        printer = _print_json if as_json else stack.enter_context(_Lines())
        show = _Shower(recorder, window, page, source=opened)
        if page is not None:
            print(f"Look at {page.url}", file=sys.stderr, flush=True)
        try:
            for seen in stream:
                tally.add(seen)
                printer(seen)
                if not show(seen) or tally.frames == frames:
                    break
        finally:  # also after Ctrl-C: the recording is put whole at its place, then spoken of
            stack.close()
            tally.print(recorder)


def _ruler(focal_px: float | None, camera: Path | None, height_m: float | None) -> Ruler | None:
    from akitsu.runtime.camera import read_camera
    from akitsu.runtime.distance import ruler_for

    if focal_px is not None and camera is not None:
        raise typer.BadParameter("the camera's file has a focal length: leave --focal out")
    measure = focal_px if camera is None else read_camera(camera)
    if measure is not None:
        return ruler_for(measure, height_m)
    if height_m is not None:
        raise typer.BadParameter("a height gives a distance only with --focal or --camera")
    return None


class _Tally:
    """What the last line says."""

    def __init__(self) -> None:
        self.frames = self.dropped = 0
        self._latencies_ms: deque[float] = deque(maxlen=REMEMBERED_LATENCIES)

    def add(self, seen: Seen | Unseen) -> None:
        self.dropped = seen.dropped
        if seen.state != "live":
            return
        self.frames += 1
        self._latencies_ms.append(seen.latency_ms)

    def print(self, recorder: Recorder | None) -> None:
        if not self.frames:
            return
        from statistics import median

        latency_ms = median(self._latencies_ms)
        text = f"{self.frames} frames, {self.dropped} dropped, median latency {latency_ms:.1f} ms"
        if recorder is not None:
            text += f"; recorded to {recorder.path}"
        print(text, file=sys.stderr)


class _Lines:
    """One line a frame on stdout; on a terminal each takes the place of the one before."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._console.print()

    def __call__(self, seen: Seen | Unseen) -> None:
        text = line_of(seen)
        if not self._console.is_terminal:
            print(text, flush=True)
            return
        fitted = text[: self._console.width - 1].ljust(self._console.width - 1)
        self._console.print(fitted, end="\r", markup=False)


def line_of(seen: Seen | Unseen) -> str:
    """A frame in one line: its number, the latency, what was dropped, and the best object."""
    if seen.state != "live":
        why = f" ({seen.why})" if seen.why else ""
        return f"{seen.state}: no frame for {seen.since_s:.0f} s{why}"
    start = f"frame {seen.frame.index}  {seen.latency_ms:.1f} ms  {seen.dropped} dropped"
    return f"{start}  {_best(seen.objects)}"


def _best(objects: list[dict[str, Any]]) -> str:
    if not objects:
        return "nothing"
    best = objects[0]
    if "share" in best:
        return ", ".join(f"{one['class']} {one['share']:.0%}" for one in objects[:3])
    text = f"{best['class']} {best['score']:.2f}"
    if best.get("id") is not None:
        text = f"{best['id']}: {text}"
    if "position" not in best:
        return text
    x, y = best["position"]
    others = f"  and {len(objects) - 1} more" if len(objects) > 1 else ""
    text += f" at ({x:.0f}, {y:.0f}), {best['size']:.1%} of the picture"
    if best["distance_m"] is not None:
        away = best["distance_m"]
        text += f", {away['value']:.1f} m away ({away['low']:.1f}–{away['high']:.1f})"
    return text + others


def _print_json(seen: Seen | Unseen) -> None:
    print(json.dumps(seen.as_document(), ensure_ascii=False), flush=True)


class _Shower:
    """Draws where anybody looks: in the recording, and in the window; the page draws by itself."""

    def __init__(
        self,
        recorder: Recorder | None,
        window: Window | None,
        page: Page | None,
        *,
        source: Source,
    ) -> None:
        self._recorder, self._window, self._page = recorder, window, page
        self._is_live = source.is_live
        self._drawn: NDArray[np.uint8] | None = None

    def __call__(self, seen: Seen | Unseen) -> bool:
        """Draw, and say whether to go on: False once the window is closed."""
        if self._page is not None:
            self._page.show(seen)
        if self._recorder is None and self._window is None:
            return True
        from akitsu.runtime.drawing import draw_absence, readable_scale

        if seen.state == "live":
            image = seen.frame.image
            scale = readable_scale((image.shape[0], image.shape[1]))
            shown = self._drawn = seen.result.draw(image, scale=scale)
            if self._recorder is not None:
                at_s = seen.frame.captured_at_s if self._is_live else None
                self._recorder.write(shown, captured_at_s=at_s)
        elif self._drawn is not None:
            shown = draw_absence(line_of(seen), self._drawn)
        else:
            return True
        return self._window is None or self._window.show(shown)


def _recorder(
    stack: ExitStack, path: Path | None, *, source: Source, force: bool
) -> Recorder | None:
    if path is None:
        return None
    from akitsu.runtime.video import DEFAULT_FPS, Recorder

    fps = source.fps or (DEFAULT_FPS if source.is_live else PICTURES_FPS)
    return stack.enter_context(Recorder(path, fps=fps, force=force))


def _page(
    text: str, recognizer: Recognizer, source: Source, *, ruler: Ruler | None, **rest: Any
) -> Page:
    """The page, whose address is then spoken of."""
    from akitsu.errors import require

    for module in ("starlette", "uvicorn"):
        require(module, extra="live", purpose="the page")
    from akitsu.runtime.page.about import About
    from akitsu.runtime.page.address import read_address
    from akitsu.runtime.page.server import Page

    return Page(read_address(text), About.of(recognizer, source, **rest), ruler=ruler)


def _window(stack: ExitStack, *, title: str) -> Window | None:
    """A window, or a notice and none where there is no display."""
    from akitsu.runtime.window import Window

    try:
        return stack.enter_context(Window(title))
    except SourceError as error:
        print(f"No window ({error.what}): going on headless.", file=sys.stderr)
        return None
