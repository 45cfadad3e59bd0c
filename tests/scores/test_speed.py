from __future__ import annotations

import pytest

from akitsu.scores import speed
from akitsu.scores.speed import PICTURES, Speed, measure_speed, some_of


class Clock:
    """Time that passes only while a picture is recognised."""

    def __init__(self, *durations_s):
        self.now_s, self.durations_s, self.seen = 0.0, list(durations_s), []

    def recognize(self, frame):
        self.seen.append(frame)
        self.now_s += self.durations_s[min(len(self.seen), len(self.durations_s)) - 1]

    def read(self):
        return self.now_s


def measured(clock, monkeypatch, frames=("a", "b"), threads=1):
    monkeypatch.setattr(speed, "perf_counter", clock.read)
    return measure_speed(clock.recognize, frames, threads=threads)


def test_the_median_is_that_of_the_calls_after_the_first_three(monkeypatch):
    clock = Clock(9, 9, 9, *[0.01] * 40, 0.03)

    result = measured(clock, monkeypatch)

    assert result.calls == 64
    assert result.median_ms == pytest.approx(10)
    assert result.p95_ms == pytest.approx(30)


def test_pictures_take_turns(monkeypatch):
    clock = Clock(0.1)

    measured(clock, monkeypatch)

    assert clock.seen[3:7] == ["a", "b", "a", "b"]


@pytest.mark.parametrize(("each_s", "calls"), [(10, 5), (0.26, 8), (0.001, 64)])
def test_two_seconds_are_enough_and_five_calls_the_least(monkeypatch, each_s, calls):
    assert measured(Clock(each_s), monkeypatch).calls == calls


def test_the_speed_is_said_with_its_threads():
    assert str(Speed(12.34, 15.0, 40, 1)).startswith(
        "12.3 ms a picture, the whole call on 1 thread ("
    )
    assert Speed(12.34, 15.0, 40, 2).to_json() == {
        "median_ms": 12.34, "p95_ms": 15.0, "calls": 40, "threads": 2,
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, PICTURES, PICTURES + 1, 1000])
def test_a_few_pictures_are_spread_over_the_set(count):
    chosen = some_of(count)

    assert len(set(chosen)) == len(chosen) == min(count, PICTURES)
    assert chosen[0] == 0
    assert chosen[-1] == count - 1
