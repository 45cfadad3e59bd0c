"""The validation of a training in several processes: every picture once, the scores of one."""

from __future__ import annotations

import contextlib
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from akitsu.data.sample import Sample
from akitsu.models import registry
from akitsu.recipes import assemble
from akitsu.runtime.card import ModelCard
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task

PICTURES, CLASSES = 7, ["cup", "bowl", "lid"]
MODELS = {
    "classification": "digit-net",
    "detection": "centernet-lite",
    "segmentation": "squeezenet-fcn",
}


class Planted:
    """Pictures of noise with any answers; counts which of them are read."""

    classes = CLASSES

    def __init__(self, n):
        self.n, self.read = n, []

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        self.read.append(index)
        rng = np.random.default_rng(index)
        return Sample(
            image=rng.integers(0, 256, (32, 32, 3), np.uint8),
            name=f"{index}.png",
            label=index % 3,
            boxes=np.array([[2, 2, 20, 24]], np.float32),
            labels=np.array([index % 3]),
            mask=rng.integers(0, 3, (32, 32), np.uint8),
        )


@pytest.fixture(params=sorted(MODELS))
def network(request):
    torch.manual_seed(0)
    model = registry.build(MODELS[request.param], 3, in_channels=3, input_hw=(32, 32))
    return Network(model, make_task(request.param, {}), mean=[0.5], std=[0.2]).eval()


def card_of(network):
    return ModelCard(
        task=network.task.name,
        model="planted",
        classes=tuple(CLASSES),
        input_hw=(32, 32),
        channels=3,
    )


def scores_of(network, dataset, processes, monkeypatch, *, sharded=False):
    """What each process reports; they take turns here, the last one gathers."""
    told = []

    def gathered(fabric, own):
        told.append(pickle.dumps(own))
        return [pickle.loads(text) for text in told]

    monkeypatch.setattr(assemble, "gathered", gathered)
    for number in range(processes):
        fabric = SimpleNamespace(
            global_rank=number, world_size=processes, autocast=contextlib.nullcontext
        )
        updater = SimpleNamespace(fabric=fabric, sharded=sharded)
        score = assemble._scorer(updater, network, dataset, card_of(network))
        scores = score(network.model)
    return scores


@pytest.mark.parametrize("processes", [2, 3, 9])
def test_several_processes_score_each_picture_once_and_report_what_one_does(
    network, processes, monkeypatch
):
    """Nine of them are more than there are pictures: two have nothing to do."""
    dataset = Planted(PICTURES)
    together = scores_of(network, dataset, processes, monkeypatch)

    assert sorted(dataset.read) == [*range(PICTURES)]
    alone = scores_of(network, Planted(PICTURES), 1, monkeypatch)
    # A network's sums may round in another way in a batch of another size.
    assert together == pytest.approx(alone, rel=1e-6)


def test_where_the_weights_are_sharded_each_process_scores_all(network, monkeypatch):
    dataset = Planted(3)

    scores_of(network, dataset, 2, monkeypatch, sharded=True)

    assert sorted(dataset.read) == [0, 0, 1, 1, 2, 2]
