"""A section of the page is there when its file is, and says what the file says."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.benchmarks.conftest import BENCHMARKS

RESULTS = BENCHMARKS.parent / "docs/results"


def contender(name: str, best: float, *, ratio: float, apart: float | None) -> dict:
    return {
        "name": name,
        "best_microseconds": best,
        "median_microseconds": best + 10,
        "times_the_hand_written": ratio,
        "weights_apart": apart,
    }


def fault(name: str, *, lost: int, same: bool, complaints: list[str]) -> dict:
    return {
        "fault": name,
        "tried": 3,
        "exit_code": 2,
        "work_lost_iterations": lost,
        "allowed_iterations": 7,
        "same_result": same,
        "complaints": complaints,
    }


def budget(what: str, seconds: float, *, ratio: float | None, accuracy: float) -> dict:
    interval = {"value": accuracy, "low": accuracy - 0.01, "high": accuracy + 0.005, "n": 5250}
    return {
        "what": what,
        "median_seconds": seconds,
        "median_whole_seconds": seconds + 5,
        "times_as_fast_as_chainer": ratio,
        "accuracy": interval,
    }


def aged(p50_ms: float, p99_ms: float) -> dict:
    return {"p50_ms": p50_ms, "p99_ms": p99_ms, "inference_p99_ms": 201.0}


PLANTED = {
    "faults": (
        {
            "command": "akitsu train digits",
            "faults": [
                fault("full disk", lost=7, same=True, complaints=[]),
                fault("lost card", lost=9, same=False, complaints=["it shows a traceback"]),
            ],
            "left_out": ["flood is left out: no water."],
        },
        [
            "| full disk | 3 | 2 | 7 | 7 | the same |",
            "| lost card | 3 | 2 | 9 | 7 | DIFFERENT |",
            "WRONG: lost card: it shows a traceback\n",
            "flood is left out: no water.\n",
            "run left alone (`akitsu train digits`)",
        ],
    ),
    "trainer": (
        {
            "contenders": [
                contender("hand-written", 500.4, ratio=1.0, apart=0.0),
                contender("akitsu", 515.0, ratio=1.029, apart=0.0),
                contender("Chainer Trainer", 1300.0, ratio=2.598, apart=None),
            ],
            "iterations": 1875,
            "batch_size": 32,
            "left_out": ["Lightning Trainer: lightning is not installed."],
            "environment": {"threads": 2, "peers": {"chainer": "7.8.1"}},
        },
        [
            "| akitsu | 515 µs | 525 µs | 1.03 |",
            "1,875 iterations",
            "the same weights to the last bit",
            "chainer 7.8.1. Lightning Trainer: lightning is not installed.\n",
        ],
    ),
    "snapshot_stall": (
        {"megabytes": 100, "stall_ms": 21.4, "cost_ms": 88.6},
        ["100 MB the loop stalls for 21 ms a snapshot", "89 ms of training"],
    ),
    "digits_budgets": (
        {
            "rounds": 3,
            "budgets": [
                budget("recipe digits-fast", 5.123, ratio=73.0, accuracy=0.9905),
                budget("recipe digits", 82.0, ratio=None, accuracy=0.995),
            ],
        },
        [
            "| recipe digits-fast | 5.1 s | 10.1 s | 73.0 | 99.05% | 98.05% to 99.55% |",
            "| recipe digits | 82.0 s | 87.0 s | – | 99.50% | 98.50% to 100.00% |",
            "(results/digits_budgets.png)",
            "the last, 5,250 pictures",
        ],
    ),
    "bulk": (
        {
            "pictures": 24000,
            "ways": [
                {"name": "one process", "pictures_per_second": 1500.0},
                {"name": "two processes", "pictures_per_second": 2700.0},
            ],
        },
        ["| 24,000 pictures |", "| two processes | 2,700 | 1.80 |"],
    ),
    "live": (
        {
            "fps": 30,
            "inference_ms": 200.0,
            "seconds": 60.0,
            "ages": {
                "file": {"akitsu": aged(216, 232), "naive": {"last_ms": 50_460.0}},
                "rtsp": {
                    "read_only": {"p50_ms": 71.0},
                    "akitsu": aged(255, 271),
                    "naive": {"last_ms": 50_000.0},
                },
            },
            "restarts": {
                "rtsp": {
                    "times": 20,
                    "back": 19,
                    "told_that_there_is_no_frame": 20,
                    "median_s": 2.31,
                    "longest_s": 4.0,
                    "away_s": 2.0,
                }
            },
            "soak": {
                "minutes": 60.0,
                "frames": 99,
                "end_mb": 70.2,
                "growth_mb": 0.1,
                "threads": [2],
                "open_files": [8, 9],
            },
            "misses": ["rtsp: too old"],
        },
        [
            "| file | – | 216 ms | 232 ms | 234 ms | 50.5 s |",
            "| rtsp | 71 ms | 255 ms | 271 ms | 234 ms | 50.0 s |",
            "The loop came back 19 times, 2.3 s after",
            "its memory grew by 0.1 MB to 70 MB; it had 2 threads and 8 to 9 open files.",
            "MISSED: rtsp: too old\n",
        ],
    ),
}


@pytest.fixture
def results(tmp_path):
    """The published files but for those whose section is tried."""
    for path in RESULTS.glob("*.json"):
        if path.stem not in PLANTED:
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", PLANTED)
def test_a_file_adds_its_section_and_changes_nothing_else(program, results, name):
    results_page = program("results_page")
    document, sentences = PLANTED[name]
    without = results_page.page(results)
    (results / f"{name}.json").write_text(json.dumps(document))

    written = results_page.page(results)

    section = results_page.OPTIONAL[name](document)
    assert section in written
    assert written.replace(f"{section}\n", "", 1) == without
    assert [sentence for sentence in sentences if sentence not in section] == []


def test_weights_that_are_only_nearly_the_same_are_not_called_the_same(program):
    results_page = program("results_page")
    document = PLANTED["trainer"][0]
    compiled = contender("compiled", 300.0, ratio=0.6, apart=3e-7)

    section = results_page.loop({**document, "contenders": [*document["contenders"], compiled]})

    assert "end at the same weights to 3e-07." in section
