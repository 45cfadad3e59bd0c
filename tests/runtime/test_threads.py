from __future__ import annotations

import os

import pytest

from akitsu.errors import AkitsuError
from akitsu.runtime.threads import available_threads

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads_in(tmp_path, files, *, group="0::/", environment=None):
    root = tmp_path / "cgroup"
    root.mkdir()
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    own = tmp_path / "own"
    own.write_text(group + "\n")
    return available_threads(environment=environment or {}, cgroup_root=root, own_groups=own)


@pytest.fixture
def many_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)


@pytest.mark.usefixtures("many_cores")
def test_a_quota_of_one_and_a_half_cpus_is_two_threads(tmp_path):
    assert threads_in(tmp_path, {"cpu.max": "150000 100000\n"}) == 2


@pytest.mark.usefixtures("many_cores")
def test_no_quota_leaves_the_cores_that_the_scheduler_grants(tmp_path):
    assert threads_in(tmp_path, {"cpu.max": "max 100000\n"}) == 64


@pytest.mark.usefixtures("many_cores")
def test_a_tiny_quota_is_still_one_thread(tmp_path):
    assert threads_in(tmp_path, {"cpu.max": "1000 100000"}) == 1


@pytest.mark.usefixtures("many_cores")
def test_the_tightest_quota_above_the_own_group_counts(tmp_path):
    """systemd sets CPUQuota on a service, or on the slice around it."""
    files = {"robot.slice/cpu.max": "300000 100000", "robot.slice/eye.service/cpu.max": "max 1"}

    assert threads_in(tmp_path, files, group="0::/robot.slice/eye.service") == 3


@pytest.mark.usefixtures("many_cores")
def test_the_first_version_of_cgroups_is_read_too(tmp_path):
    files = {
        "cpu/docker/7/cpu.cfs_quota_us": "400000",
        "cpu/docker/7/cpu.cfs_period_us": "100000",
        "cpu/cpu.cfs_quota_us": "-1",
        "cpu/cpu.cfs_period_us": "100000",
    }

    assert threads_in(tmp_path, files, group="4:cpu,cpuacct:/docker/7") == 4


@pytest.mark.usefixtures("many_cores")
@pytest.mark.parametrize("text", ["", "nonsense", "0 0", "-5 100000", "100000", "1e9 100000"])
def test_an_odd_quota_file_is_passed_over(tmp_path, text):
    assert threads_in(tmp_path, {"cpu.max": text}) == 64


def test_without_any_cgroup_the_affinity_decides(tmp_path):
    count = available_threads(
        environment={}, cgroup_root=tmp_path / "none", own_groups=tmp_path / "none"
    )

    assert count == CORES


def test_the_variable_wins_over_everything(tmp_path):
    files = {"cpu.max": "100000 100000"}

    assert threads_in(tmp_path, files, environment={"AKITSU_THREADS": " 7 "}) == 7


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_a_variable_that_is_no_number_of_threads_is_a_sentence(tmp_path, text):
    with pytest.raises(AkitsuError) as caught:
        threads_in(tmp_path, {}, environment={"AKITSU_THREADS": text})

    assert str(caught.value).startswith(f"AKITSU_THREADS: {text!r} is not a number of threads; ")
