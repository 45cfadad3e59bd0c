"""How many CPU threads this process may use: the container's quota, not the host's core count."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from akitsu.errors import AkitsuError

VARIABLE = "AKITSU_THREADS"
CGROUP_ROOT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")


def available_threads(
    *,
    environment: Mapping[str, str] | None = None,
    cgroup_root: Path = CGROUP_ROOT,
    own_groups: Path = OWN_GROUPS,
) -> int:
    """Threads worth starting: `AKITSU_THREADS`, or what the scheduler and the container allow.

    Args:
        environment: Where `AKITSU_THREADS` is looked up; None is this process's own.
        cgroup_root: Where the control groups are mounted (kernel documentation, cgroup-v2).
        own_groups: The file that says in which groups this process is.

    Returns:
        A whole number, at least 1. A quota of 1.5 CPUs counts as 2.

    Raises:
        AkitsuError: If `AKITSU_THREADS` is set and is not a whole number of at least 1.
    """
    wanted = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
    if wanted:
        return _whole_number(wanted)
    quotas = [*_quotas_v2(cgroup_root, own_groups), *_quotas_v1(cgroup_root, own_groups)]
    return max(1, min([_schedulable(), *(math.ceil(quota) for quota in quotas)]))


@cache
def opencv() -> Any:
    """The module cv2, imported when first needed, and told what it can be told only then.

    By itself it would start a thread for each core of the host, whatever the container's quota,
    and its FFmpeg would write to stderr beside our errors.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET of libavutil/log.h
    import cv2

    cv2.setNumThreads(min(cv2.getNumThreads(), available_threads()))
    return cv2


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise AkitsuError(
            f"{text!r} is not a number of threads",
            where=VARIABLE,
            do="set a whole number from 1 up, or unset it",
        )
    return int(text)


def _schedulable() -> int:
    # Only Linux can say which cores a process is pinned to.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas_v2(root: Path, own_groups: Path) -> list[float]:
    """CPUs granted by `cpu.max` ("150000 100000") of this group and of every group above it."""
    quotas = []
    for folder in _folders(root, _own_path(own_groups, controller="")):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        quotas += _ratio(quota, period)
    return quotas


def _quotas_v1(root: Path, own_groups: Path) -> list[float]:
    """CPUs granted by the first version's pair of files, whose quota is -1 where there is none."""
    quotas = []
    for mount in ("cpu", "cpu,cpuacct"):
        for folder in _folders(root / mount, _own_path(own_groups, controller="cpu")):
            quota = _text(folder / "cpu.cfs_quota_us")
            quotas += _ratio(quota, _text(folder / "cpu.cfs_period_us"))
    return quotas


def _own_path(own_groups: Path, *, controller: str) -> str:
    """The group's path for a controller; version 2 names none in its one line, "0::/path"."""
    for line in _text(own_groups).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controller in controllers.split(","):
            return path
    return "/"


def _folders(root: Path, path: str) -> list[Path]:
    # Inside a container the path may name a group of the host; the mount's root is then our own.
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]


def _ratio(quota: str, period: str) -> list[float]:
    if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
        return [int(quota) / int(period)]
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
