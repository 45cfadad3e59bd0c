"""Bags of ROS 1 and ROS 2 and MCAP files as a source of pictures, without any ROS (extra `ros`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, SourceError, require
from akitsu.runtime.pictures import decode_picture
from akitsu.runtime.threads import opencv

SUFFIXES = frozenset({".bag", ".mcap", ".db3"})
FOLDER_MARK = "metadata.yaml"
"""What makes a folder a bag of ROS 2."""

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"

CHANNELS = {"mono8": 1, "8UC1": 1, "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4}
"""Bytes a pixel, by encoding (sensor_msgs/image_encodings.hpp)."""

ORDERS = ("rggb", "bggr", "gbrg", "grbg")
BAYER = {f"bayer_{order}8": f"COLOR_Bayer{order.upper()}2RGB" for order in ORDERS}
"""Both name the colours of the first two rows' first two pixels."""

GREY_16 = "mono16"


def is_bag(path: Path) -> bool:
    """Whether a path is named, or laid out, as a bag."""
    return path.suffix.lower() in SUFFIXES or (path / FOLDER_MARK).is_file()


class BagCapture:
    """The pictures of one topic, in the order in which they were recorded.

    A picture that is broken is passed over; the first one has to be whole.

    Attributes:
        fps: Pictures a second on average; None for a single one.
        recorded_at_s: Seconds since 1970 of the picture read last, by its header, or else by the
            recorder's clock.
    """

    def __init__(self, path: Path, *, topic: str | None = None) -> None:
        """Open a bag.

        Args:
            path: A .bag, .mcap or .db3 file, or the folder of a ROS 2 bag.
            topic: Which pictures; None: those of the only topic that has some.

        Raises:
            MissingExtraError: If rosbags is not installed.
            SourceError: If it is no whole bag, has no such topic or several topics with pictures,
                or its pictures cannot be read.
        """
        require("rosbags", extra="ros", purpose="reading a bag")
        self._path = path
        self.recorded_at_s = 0.0
        self._reader = _opened(path)
        try:
            connections = self._connections(topic)
            count = sum(connection.msgcount for connection in connections)
            duration_s = self._reader.duration / 1e9
            self.fps = count / duration_s if count > 1 and duration_s > 0 else None
            self._images = self._read_all(connections)
            self._first = next(self._images, None)
            if self._first is None:
                raise SourceError("there is no picture", where=path, do="record it again")
        except BaseException:
            self.release()
            raise

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, (H, W, 3) RGB uint8; None at the end."""
        found, self._first = self._first or next(self._images, None), None
        if found is None:
            return None
        self.recorded_at_s, image = found
        return image

    def release(self) -> None:
        """Close the bag; a second time does nothing."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _connections(self, topic: str | None) -> list[Any]:
        by_topic: dict[str, list[Any]] = {}
        for connection in self._reader.connections:
            if connection.msgtype in (IMAGE, COMPRESSED) and connection.msgcount:
                by_topic.setdefault(connection.topic, []).append(connection)
        names = ", ".join(sorted(by_topic))
        if not by_topic:
            what = "no topic of this bag has pictures"
            raise SourceError(what, where=self._path, do="record a topic of sensor_msgs/Image")
        if topic is None and len(by_topic) > 1:
            what = f"{len(by_topic)} topics have pictures"
            raise SourceError(what, where=self._path, do=f"choose one with --topic: {names}")
        if topic is not None and topic not in by_topic:
            what = f"topic {topic} has no pictures here"
            raise SourceError(what, where=self._path, do=f"name one that has: {names}")
        return by_topic[topic or names]

    def _read_all(self, connections: list[Any]) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        is_first = True
        for connection, time_ns, content in self._messages(connections):
            try:
                message: Any = self._reader.deserialize(content, connection.msgtype)
                image = _picture(message, where=f"{self._path}, topic {connection.topic}")
            # A hostile message can fail in any way; rosbags' own errors have no common class.
            except Exception as error:
                if not is_first:
                    continue
                if isinstance(error, DataError):
                    raise SourceError(error.what, where=error.where, do=error.do) from error
                raise _broken(self._path) from error
            is_first = False
            stamp = message.header.stamp
            stamped_s = stamp.sec + stamp.nanosec / 1e9
            yield (stamped_s if stamped_s > 0 else time_ns / 1e9), image

    def _messages(self, connections: list[Any]) -> Iterator[tuple[Any, int, bytes]]:
        messages = self._reader.messages(connections)
        while True:
            try:
                message = next(messages, None)
            # What is left of a damaged bag was given; it ends here, as a cut-off video does.
            except Exception:
                return
            if message is None:
                return
            yield message


def _opened(path: Path) -> Any:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    try:
        # Older bags of ROS 2 do not say what their messages look like.
        reader = AnyReader([path], default_typestore=get_typestore(Stores.LATEST))
        reader.open()
    except Exception as error:  # rosbags' own errors, and what a hostile file makes it stumble over
        raise _broken(path) from error
    return reader


def _broken(path: Path) -> SourceError:
    return SourceError(
        "this is no bag that can be read, or it was cut off",
        where=path,
        do='copy it again, or mend it with "rosbag reindex" (.bag) or "mcap recover" (.mcap)',
    )


def _picture(message: Any, *, where: str) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a message of sensor_msgs.

    Raises:
        DataError: If it is in an encoding that is no picture, or shorter than it says.
    """
    data = np.asarray(message.data, np.uint8)
    if hasattr(message, "format"):
        return decode_picture(data.tobytes(), where=where)
    encoding = message.encoding
    if encoding == GREY_16:
        pairs = _rows(message, data, width=2, where=where).reshape(message.height, -1, 2)
        grey = pairs[:, :, 0 if message.is_bigendian else 1]
        return np.repeat(grey[:, :, None], 3, axis=2)
    if encoding in BAYER:
        cv2 = opencv()
        mosaic = np.ascontiguousarray(_rows(message, data, width=1, where=where))
        colour: NDArray[np.uint8] = cv2.cvtColor(mosaic, getattr(cv2, BAYER[encoding]))
        return colour
    if encoding not in CHANNELS:
        known = ", ".join(sorted({*CHANNELS, *BAYER, GREY_16}))
        what = f"pictures in the encoding {encoding!r} are not read"
        raise DataError(what, where=where, do=f"record one of {known}")
    channels = CHANNELS[encoding]
    pixels = _rows(message, data, width=channels, where=where).reshape(
        message.height, message.width, channels
    )
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    is_bgr = encoding in ("bgr8", "bgra8", "8UC3")  # OpenCV's order where the name says none
    return np.ascontiguousarray(pixels[:, :, [2, 1, 0]] if is_bgr else pixels[:, :, :3])


def _rows(message: Any, data: NDArray[np.uint8], *, width: int, where: str) -> NDArray[np.uint8]:
    """(H, W * width) bytes: rows may be padded at their end."""
    height, used, step = message.height, message.width * width, message.step
    if min(height, used) < 1 or step < used or data.size < height * step:
        what = f"a picture of {message.width} x {height} has {data.size} bytes"
        raise DataError(what, where=where, do="record it again")
    rows: NDArray[np.uint8] = data[: height * step].reshape(height, step)[:, :used]
    return rows
