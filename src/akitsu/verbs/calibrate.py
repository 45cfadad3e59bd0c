"""`akitsu calibrate`: a camera's focal length and lens, from a chessboard or from a person."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from akitsu.errors import SourceError

if TYPE_CHECKING:
    from akitsu.runtime.calibration import BoardViews
    from akitsu.runtime.camera import Camera
    from akitsu.runtime.chessboard import Board
    from akitsu.runtime.frames import Frame
    from akitsu.runtime.sources import Source
    from akitsu.runtime.window import Window

EXAMPLE = "akitsu calibrate views/ --output camera.json"

LOOKS_A_SECOND = 4.0
"""At a video's frames: between two of them the board has hardly moved."""


def calibrate(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="Pictures, folders, videos, or one camera (0) or stream, that show the board."
        ),
    ] = None,
    print_: Annotated[
        Path | None,
        typer.Option("--print", help="Write the chessboard to be printed, .pdf or .png (A4)."),
    ] = None,
    board: Annotated[str, typer.Option(help="Inner corners of the chessboard.")] = "9x6",
    views: Annotated[
        int, typer.Option(min=5, help="Of a live camera: end after so many different views.")
    ] = 20,
    timeout_s: Annotated[
        float, typer.Option("--timeout", min=1, help="Of a live camera: end after so many seconds.")
    ] = 120.0,
    height_m: Annotated[
        float | None,
        typer.Option("--height", min=0.1, help="Instead of a board: metres a person is high."),
    ] = None,
    distance_m: Annotated[
        float | None,
        typer.Option("--distance", min=0.1, help="Metres from the lens to that person."),
    ] = None,
    box: Annotated[
        str | None,
        typer.Option(metavar="X0,Y0,X1,Y1", help="Where the person is, in pixels of the picture."),
    ] = None,
    model: Annotated[Path, typer.Option(help="What finds the person: as in akitsu watch.")] = Path(
        "person"
    ),
    output: Annotated[Path, typer.Option(help="The camera's file.")] = Path("camera.json"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the camera as JSON.")] = False,
) -> None:
    """Measure a camera, so that `akitsu watch --camera` can say how far things are.

    Print a chessboard, stick it onto something flat, and show it to the camera: near and far, in
    every corner, tilted to every side. Or let somebody of known height stand at a known distance,
    straight ahead and whole in the picture: that is less sure, and knows nothing of the lens.
    """
    from akitsu.files import require_absent
    from akitsu.runtime.chessboard import board_of

    pattern = board_of(board)
    if print_ is not None:
        if inputs:
            raise typer.BadParameter("print the board first, then show it: leave the inputs out")
        _print_board(pattern, print_, force=force)
        return
    if not inputs:
        raise typer.BadParameter("name pictures, a video or a camera, or --print FILE.pdf")
    if (height_m is None) != (distance_m is None):
        raise typer.BadParameter("a person takes both, --height and --distance")
    if box is not None and height_m is None:
        raise typer.BadParameter("a box is that of a person: give --height and --distance")
    require_absent(output, force=force)
    advice: list[str] = []
    if height_m is not None and distance_m is not None:
        from akitsu.verbs.person_pictures import camera_from

        camera = camera_from(inputs, height_m=height_m, distance_m=distance_m, box=box, model=model)
    else:
        from akitsu.runtime.calibration import calibrate as calibrate_views

        found = _views(inputs, pattern, most=views, timeout_s=timeout_s)
        camera, advice = calibrate_views(found.kept, board=pattern, size_hw=found.size_hw or (0, 0))
    camera.write(output, force=force)
    if json:
        document = {**camera.to_json(), "file": str(output), "advice": advice}
        typer.echo(json_module.dumps(document, ensure_ascii=False))
        return
    typer.echo(f"{output}: {summary_of(camera)}")
    for sentence in advice:
        typer.echo(f"advice: {sentence}")


def summary_of(camera: Camera) -> str:
    """A camera in one line."""
    height, width = camera.size_hw
    focal = camera.focal_px
    text = (
        f"focal length {focal['value']:.1f} pixels (95 %: {focal['low']:.1f}–{focal['high']:.1f})"
    )
    text += f" at {width} x {height}"
    pictures = "1 picture" if camera.views == 1 else f"{camera.views} pictures"
    if camera.error_px is None:
        return f"{text}, from {pictures} of a person"
    error = camera.error_px
    text += f"; corners off by {error['value']:.2f} pixels ({error['low']:.2f}–{error['high']:.2f})"
    return f"{text}, in {camera.views} views"


def _print_board(board: Board, path: Path, *, force: bool) -> None:
    board.write(path, force=force)
    typer.echo(
        f"{path}: {board} inner corners, squares of {board.square_mm} mm on A4. "
        "Print it at 100 % (not fitted to the page), and hold a ruler to its line."
    )


def _views(inputs: Sequence[str], board: Board, *, most: int, timeout_s: float) -> BoardViews:
    from akitsu.runtime.calibration import BoardViews
    from akitsu.runtime.sources import open_source

    views = BoardViews(board)
    for text in inputs:
        with ExitStack() as stack:
            source = stack.enter_context(open_source(text))
            if source.is_live:
                _look_live(source, views, most=most, timeout_s=timeout_s, stack=stack)
                continue
            for frame in _some(source):
                said = views.add(frame.name, frame.image)
                if source.fps is None:
                    _tell(f"{frame.name}: {SAID[said]}")
    _tell(
        f"looked at: {views.seen}; views of the board kept: {len(views.kept)}; "
        f"without a board: {views.without_board}"
    )
    return views


SAID = {
    "kept": "kept",
    "alike": "the board is where it was before",
    "no board": "no board, or not the whole of it",
}


def _some(source: Source) -> Iterator[Frame]:
    """Of a video some frames, of a folder every picture."""
    step = 1 if source.fps is None else max(1, round(source.fps / LOOKS_A_SECOND))
    return (frame for frame in source if frame.index % step == 0)


def _look_live(
    source: Source, views: BoardViews, *, most: int, timeout_s: float, stack: ExitStack
) -> None:
    """Keep what is new, and show and say how far it is."""
    import time

    ends_at_s = time.monotonic() + timeout_s
    window = _window(stack)
    for frame in source:
        if views.add(frame.name, frame.image) == "kept":
            _tell(f"view {len(views.kept)} of {most}: now tilt or move the board")
        is_open = window is None or window.show(frame.image)
        if not is_open or len(views.kept) >= most or time.monotonic() >= ends_at_s:
            return


def _window(stack: ExitStack) -> Window | None:
    from akitsu.runtime.window import Window

    try:
        return stack.enter_context(Window("akitsu calibrate"))
    except SourceError:
        return None


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
