"""Small bags with planted pictures, written by rosbags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
START_NS = 1_700_000_000_000_000_000


def message(store, *, encoding, data, height, width, step, at_ns, big=0):
    kinds = store.types
    return kinds["sensor_msgs/msg/Image"](
        header=_header(store, at_ns),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=big,
        step=step,
        data=np.asarray(data, np.uint8).ravel(),
    )


def compressed(store, *, content, at_ns, kind="jpeg"):
    make = store.types["sensor_msgs/msg/CompressedImage"]
    header = _header(store, at_ns)
    return make(header=header, format=kind, data=np.frombuffer(content, np.uint8))


def grey(store, level, at_ns, *, encoding="mono8"):
    """Six by four pixels of one level."""
    data = np.full((4, 6), level, np.uint8)
    return message(store, encoding=encoding, data=data, height=4, width=6, step=6, at_ns=at_ns)


def write(path: Path, topics: dict[str, list]) -> Path:
    """A bag of the kind that the suffix says; .mcap and .db3 are the file within the folder.

    Messages are given without their times: the header says them.
    """
    if path.suffix == ".bag":
        with Writer1(path) as bag:
            _fill(bag, ROS1, ROS1.serialize_ros1, topics)
        return path
    plugin = StoragePlugin.MCAP if path.suffix == ".mcap" else StoragePlugin.SQLITE3
    with Writer(path.with_suffix(""), version=9, storage_plugin=plugin) as bag:
        _fill(bag, ROS2, ROS2.serialize_cdr, topics)
    return next(path.with_suffix("").glob(f"*{path.suffix}")) if path.suffix else path


def store_of(suffix: str):
    return ROS1 if suffix == ".bag" else ROS2


def _fill(bag, store, serialize, topics):
    for topic, messages in topics.items():
        kind = messages[0].__msgtype__
        connection = bag.add_connection(topic, kind, typestore=store)
        for one in messages:
            at_ns = one.header.stamp.sec * 10**9 + one.header.stamp.nanosec
            bag.write(connection, at_ns or START_NS, serialize(one, kind))


def _header(store, at_ns):
    stamp = store.types["builtin_interfaces/msg/Time"](at_ns // 10**9, at_ns % 10**9)
    more = {"seq": 0} if store is ROS1 else {}
    return store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **more)
