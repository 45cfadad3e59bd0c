"""akitsu teaches robots to see: what is it, where is it, what shape is it.

The robot's side is one call: `akitsu.load("model.onnx")(frame)`, or `akitsu.watch("model.onnx", 0)`
for what a camera sees now. Nothing here imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from akitsu.runtime.live import View
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.table_recognizer import TableRecognizer
    from akitsu.runtime.views import Views

__version__ = "0.1.0"


def load(
    path: str | Path, *, threads: int | None = None, tile_overlap: float | None = None
) -> Recognizer | TableRecognizer:
    """Open a model file for recognition.

    Args:
        path: A `.onnx` file that `akitsu export`, `akitsu train` or `akitsu compare` wrote, or the
            folder of a run.
        threads: CPU threads for one picture; None takes all that this process may use.
        tile_overlap: For small things in large frames: a detector looks at tiles of its input's
            size, of which neighbours share this part of a side, 0 to 0.75; None takes the card's.

    Returns:
        A recognizer: call it with an (H, W, 3) RGB uint8 frame, or, if the model is one of a table,
        with a row of numbers.

    Raises:
        ModelFileError: If the file is missing, broken, or not a model file of akitsu, or tiles
            are asked of one that is no detector.
    """
    from pathlib import Path

    from akitsu.errors import ModelFileError
    from akitsu.runtime.model_file import open_model
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.table_recognizer import TableRecognizer
    from akitsu.runtime.threads import available_threads

    file = Path(path) / "model.onnx" if Path(path).is_dir() else Path(path)
    threads = available_threads() if threads is None else threads
    opened = open_model(file, threads=threads)
    if opened.card.task == "table" and tile_overlap is not None:
        what = "tiles are for pictures, and this model is for rows of a table"
        raise ModelFileError(what, where=file, do="leave --tile out")
    if opened.card.task == "table":
        return TableRecognizer(file, threads=threads, opened=opened)
    return Recognizer(file, threads=threads, tile_overlap=tile_overlap, opened=opened)


def watch(
    model: str | Path,
    source: str | int | Path,
    *,
    class_name: str | None = None,
    score_threshold: float | None = None,
    track: bool = False,
    focal_px: float | None = None,
    camera: str | Path | None = None,
    height_m: float | None = None,
    stale_after_s: float = 1.0,
    timeout_s: float | None = None,
    realtime: bool = False,
    threads: int | None = None,
    tile_overlap: float | None = None,
    on_view: Callable[[View], object] | None = None,
) -> Views:
    """See what a camera, stream, video or folder shows, view after view, to steer a robot by.

        for view in akitsu.watch("person", 0, class_name="person"):
            robot.turn(view.best["offset"][0] if view.best else 0.0)

    A view has `state` ("live", "stale", "lost"), `age_s` (of the frame, when asked), `dropped`
    (frames so far), `objects` (best first, as `akitsu.runtime.live.objects_in` says) and `best`,
    the first of them. Of a camera or stream it is always the newest frame; where none comes, a view
    without objects says so, so that the loop never waits longer than for `stale_after_s` and one
    recognition.

    Args:
        model: A detector's or other model file, the folder of a run, or the word `person`
            (the person finder that the command `akitsu watch person` has fetched).
        source: A camera's number, an address, a video, a folder of pictures, or one picture.
        class_name: Look for this class alone.
        score_threshold: Detections below it are left out; None takes the model's.
        track: Give what is seen numbers that stay ("id"), and boxes that tremble less.
        focal_px: The camera's focal length in pixels: gives people a distance in metres.
        camera: What `akitsu calibrate` wrote, in place of `focal_px`: the lens is undone, too.
        height_m: With one of these two: what is looked for is so high, whatever it is.
        stale_after_s: Without a frame for so long the state is "stale"; it is said so often.
        timeout_s: A camera or stream without a frame for so long is given up. None: if a first one
            does not come for ten seconds; one that has given frames is waited for.
        realtime: Play a video at its own pace, and drop frames as a camera does.
        threads: CPU threads for one picture; None takes all that this process may use.
        tile_overlap: For small things in large frames, as for `load`.
        on_view: Called with every view, by a thread of its own, instead of iterating.

    Raises:
        ModelFileError: If the file is no model file, knows no such class, or cannot be tracked.
        DataError: If the camera's file is broken; while iterating, if frames have another shape.
        SourceError: If there is no such source, or a height without a focal length; while
            iterating, if the source is given up.
    """
    from akitsu.errors import SourceError
    from akitsu.runtime import live
    from akitsu.runtime.camera import read_camera
    from akitsu.runtime.distance import ruler_for
    from akitsu.runtime.person_file import model_file
    from akitsu.runtime.recognizer import Recognizer
    from akitsu.runtime.sources import open_source
    from akitsu.runtime.tracking import tracker_for
    from akitsu.runtime.views import Views

    measure = focal_px if camera is None else read_camera(camera)
    if height_m is not None and measure is None:
        what = "a height gives a distance only with the focal length"
        raise SourceError(what, do="give focal_px or camera, too")
    recognizer = Recognizer(model_file(model), threads=threads, tile_overlap=tile_overlap)
    live.check_class(class_name, recognizer)
    ruler = None if measure is None else ruler_for(measure, height_m)
    tracker = tracker_for(recognizer.card, score_threshold=score_threshold) if track else None
    where = str(source) if isinstance(source, int) else source
    opened = open_source(where, realtime=realtime, timeout_s=timeout_s, stale_after_s=stale_after_s)
    try:
        stream = live.watch(
            recognizer,
            opened,
            class_name=class_name,
            score_threshold=score_threshold,
            ruler=ruler,
            tracker=tracker,
        )
    except BaseException:
        opened.close()
        raise
    return Views(stream, opened, on_view=on_view)
