"""Weights of which each process holds a part: two processes on the CPU, with gloo."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from akitsu.training.sharded import load_optimizer_into, load_weights_into, whole
from akitsu.training.snapshot import load_snapshot

from .test_resume import assert_same

ROOT = Path(__file__).parents[2]


def run(out, *, processes, strategy, stop=6):
    words = [sys.executable, "-m", "tests.training.sharded_run", out, processes, strategy, stop]
    done = subprocess.run(
        [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def losses(out):
    return [json.loads(line)["main/loss"] for line in (out / "log.jsonl").read_text().splitlines()]


def final_state(out):
    return load_snapshot(out / "snapshots" / "6.pt")["trainer"]["updater"]


@pytest.fixture(scope="module")
def sharded(tmp_path_factory):
    out = tmp_path_factory.mktemp("sharded")
    run(out, processes=2, strategy="fsdp")
    return out


@pytest.mark.slow
def test_sharded_weights_learn_what_whole_ones_do(sharded, tmp_path):
    run(tmp_path, processes=1, strategy="auto")

    assert losses(sharded) == pytest.approx(losses(tmp_path), rel=1e-4)
    for name, weights in final_state(tmp_path)["model"].items():
        torch.testing.assert_close(final_state(sharded)["model"][name], weights, atol=1e-5, rtol=0)
    assert (sharded / "best.safetensors").stat().st_size == (
        (tmp_path / "best.safetensors").stat().st_size
    )


@pytest.mark.slow
def test_a_sharded_run_resumes_bit_for_bit(sharded, tmp_path):
    run(tmp_path, processes=2, strategy="fsdp", stop=3)
    run(tmp_path, processes=2, strategy="fsdp")

    assert_same(final_state(tmp_path), final_state(sharded))
    assert losses(tmp_path) == losses(sharded)


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "strategy"), [(1, "auto"), (2, "ddp")])
def test_a_sharded_run_goes_on_with_whole_weights(sharded, tmp_path, processes, strategy):
    run(tmp_path, processes=2, strategy="fsdp", stop=3)
    run(tmp_path, processes=processes, strategy=strategy)

    assert losses(tmp_path) == pytest.approx(losses(sharded), rel=1e-4)


def test_what_is_not_sharded_is_left_as_it_is():
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state, moments = model.state_dict(), optimizer.state_dict()

    other = nn.Linear(3, 2)
    fresh = torch.optim.Adam(other.parameters())
    load_weights_into(other, whole(state))
    load_optimizer_into(fresh, whole(moments))

    assert_same(other.state_dict(), state)
    assert_same(fresh.state_dict(), moments)
