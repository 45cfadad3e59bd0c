"""Where frames come from: a camera, a stream, a video, a folder of pictures, or one picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from akitsu.errors import DataError, SourceError
from akitsu.runtime.bags import BagCapture, is_bag
from akitsu.runtime.captures import (
    Capture,
    open_camera,
    open_stream,
    open_video,
    recorded_at_s,
)
from akitsu.runtime.frames import Absence, Frame
from akitsu.runtime.newest import STALE_AFTER_S, NewestFrames, State
from akitsu.runtime.pictures import PICTURE_SUFFIXES, list_pictures, read_picture
from akitsu.runtime.urls import check_scheme, is_url, masked


class Source(Protocol):
    """Frames, one after the other; a context manager that gives the device back.

    Attributes:
        name: For messages; secrets are masked.
        dropped: Frames that came and went before anybody asked.
        is_live: Whether frames come by the clock, rather than when asked for.
    """

    name: str
    dropped: int
    is_live: bool

    @property
    def fps(self) -> float | None:
        """Frames a second, as far as it is known."""
        ...

    @property
    def state(self) -> State:
        """Whether frames are coming: "live", "stale" or "lost"."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def moments(self) -> Iterator[Frame | Absence]:
        """Frames, and where a live source has none, again and again the word that it has none."""
        ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """Give the device, connection or file back."""
        ...


def open_source(
    text_or_path: str | Path,
    *,
    realtime: bool = False,
    timeout_s: float | None = None,
    stale_after_s: float = STALE_AFTER_S,
    topic: str | None = None,
) -> Source:
    """Open whatever is named.

    Args:
        text_or_path: A camera's number ("0") or device file, an http, https, rtsp or rtsps
            address, a video file, a bag of ROS or an MCAP file, a folder of pictures, or one
            picture.
        realtime: Play a video at its own pace and drop what comes too fast, as a camera does.
            Without it every frame of a file is handed over, in order.
        timeout_s: A camera or stream without a frame for so long is given up. None: if a first one
            does not come for ten seconds; one that has given frames is waited for.
        stale_after_s: Of a camera or stream: so many seconds without a frame are told, again and
            again.
        topic: Of a bag: which pictures. None: those of the only topic that has some.

    Raises:
        MissingExtraError: If it is a bag, and the extra `ros` is not installed.
        SourceError: If there is no such camera, file, kind of address or topic, a video or bag
            cannot be read, or a folder has no pictures.
    """
    if topic is not None and not is_bag(Path(text_or_path)):
        raise SourceError("a topic belongs to a bag", where=text_or_path, do="leave it out")
    if not stale_after_s > 0:
        what = f"frames cannot be stale after {stale_after_s:g} s"
        raise SourceError(what, do="give stale_after_s a number of seconds above 0")
    live = _Live(timeout_s, stale_after_s)
    text = str(text_or_path)
    if text.isascii() and text.isdigit():
        return _camera(int(text), live)
    if isinstance(text_or_path, str) and is_url(text):
        check_scheme(text)
        return live.frames(partial(open_stream, text), name=masked(text))
    return _file(Path(text_or_path), live, realtime=realtime, topic=topic)


@dataclass(frozen=True)
class _Live:
    """What is asked of a live source, whichever it is."""

    timeout_s: float | None
    stale_after_s: float

    def frames(
        self, connect: Callable[[], Capture | None], *, name: str, **rest: Any
    ) -> NewestFrames:
        """The newest frames of what `connect` opens."""
        return NewestFrames(
            connect,
            name=name,
            timeout_s=self.timeout_s,
            stale_after_s=self.stale_after_s,
            **rest,
        )


class Pictures:
    """A folder of pictures or a single one, each read when its turn comes."""

    is_live = False
    dropped = 0
    fps: float | None = None
    state: State = "live"

    def __init__(self, paths: Sequence[Path], *, name: str) -> None:
        self.name = name
        self._paths = paths

    def __iter__(self) -> Iterator[Frame]:
        """Every picture in order.

        Raises:
            DataError: If one is broken.
        """
        for index, path in enumerate(self._paths):
            yield Frame(read_picture(path), index, time.time(), path.name)

    def moments(self) -> Iterator[Frame]:
        """The same: every one is there when it is asked for."""
        return iter(self)

    def __enter__(self) -> Pictures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open between two pictures."""


class Video:
    """A video file, every frame in order, as fast as it is asked for."""

    is_live = False
    dropped = 0
    state: State = "live"

    def __init__(self, path: Path, capture: Capture) -> None:
        self.name, self.fps = str(path), capture.fps
        self._path, self._capture = path, capture

    def __iter__(self) -> Iterator[Frame]:
        """Every frame that is left, once.

        Raises:
            SourceError: If there is not even a first one.
        """
        for index in count():
            image = self._capture.read()
            if image is None:
                if index == 0:
                    raise _unreadable(self._path)
                return
            at_s = recorded_at_s(self._capture)
            yield Frame(image, index, time.time(), f"frame {index}", at_s)

    def moments(self) -> Iterator[Frame]:
        """The same: every one is there when it is asked for."""
        return iter(self)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def _camera(device: int | str, live: _Live) -> Source:
    first = open_camera(device)
    if first is None:
        raise SourceError(
            "there is no such camera, or another program has it",
            where=f"camera {device}",
            do=f"plug it in, or name another source ({_cameras_here()})",
        )
    # The capture that showed that there is a camera is also the first connection.
    ready = [first]
    return live.frames(
        lambda: ready.pop() if ready else open_camera(device),
        name=f"camera {device}",
        fps=first.fps,
    )


def _cameras_here() -> str:
    numbers = [path.name.removeprefix("video") for path in Path("/dev").glob("video*")]
    cameras = sorted(int(number) for number in numbers if number.isdigit())
    return f"cameras here: {', '.join(map(str, cameras))}" if cameras else "no camera is here"


def _file(path: Path, live: _Live, *, realtime: bool, topic: str | None) -> Source:
    try:
        if path.exists() and is_bag(path):
            return _played(path, BagCapture(path, topic=topic), live, realtime=realtime)
        if path.is_dir():
            return _folder(path)
        if path.is_char_device():
            return _camera(str(path), live)
        is_file = path.is_file()
    except ValueError:  # a path with a zero byte in it
        is_file = False
    if not is_file:
        raise SourceError(
            "there is no such file, folder or camera", where=path, do="check the path"
        )
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return Pictures([path], name=str(path))
    capture = open_video(path)
    if capture is None:
        raise _unreadable(path)
    return _played(path, capture, live, realtime=realtime)


def _played(path: Path, capture: Capture, live: _Live, *, realtime: bool) -> Source:
    if not realtime:
        return Video(path, capture)
    ready = [capture]
    return live.frames(
        lambda: ready.pop() if ready else None, name=str(path), fps=capture.fps, ends=True
    )


def _folder(path: Path) -> Source:
    try:
        pictures = list_pictures(path)
    except DataError as error:
        raise SourceError(error.what, where=path, do=error.do) from error
    if not pictures:
        kinds = ", ".join(sorted(PICTURE_SUFFIXES))
        raise SourceError("no pictures here", where=path, do=f"name a folder with {kinds} files")
    return Pictures(pictures, name=str(path))


def _unreadable(path: Path) -> SourceError:
    return SourceError(
        "no frame of this video can be read", where=path, do="copy it again, or convert it to .mp4"
    )
