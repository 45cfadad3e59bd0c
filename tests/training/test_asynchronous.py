"""Trunk and heads that step on their own: what counts, what stays, and what a resume keeps."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from akitsu.errors import TrainingError
from akitsu.models.classification.ubernet import MultiTask, PictureHead, PixelHead, Trunk
from akitsu.training.asynchronous import AsyncUpdater, TaskBatch, backward_by_task
from akitsu.training.batches import ShuffledBatches

WIDTHS = (4, 8)
TASKS = ("a", "b")


def make(*, pictures, checkpointed=False, **options):
    """Batches of two pictures; even ones are labelled for task a, odd ones for both."""
    torch.manual_seed(0)
    trunk = Trunk(1, WIDTHS, checkpointed=checkpointed)
    model = MultiTask(trunk, {name: PictureHead(WIDTHS, 3) for name in TASKS})
    images, labels = torch.rand(8, 1, 8, 8), torch.arange(8) % 3

    def fetch(plan):
        both = plan.iteration % 2
        rows = plan.indices
        names = TASKS if both else TASKS[:1]
        return TaskBatch(images[rows], dict.fromkeys(names, labels[rows]))

    groups = {"trunk": model.trunk, **dict(model.heads.items())}
    optimizers = {
        name: torch.optim.SGD(part.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        for name, part in groups.items()
    }
    losses = dict.fromkeys(TASKS, F.cross_entropy)
    batches = ShuffledBatches(8, 2, seed=0, fetch=fetch)
    return AsyncUpdater(batches, model, optimizers, losses=losses, pictures=pictures, **options)


def weights(updater, part):
    module = updater.model.trunk if part == "trunk" else updater.model.heads[part]
    return torch.cat([each.detach().flatten() for each in module.parameters()])


def test_each_group_counts_its_pictures_and_the_trunk_each_picture_once():
    updater = make(pictures={"trunk": 100, "a": 100, "b": 100})
    for _ in range(4):
        updater.update()

    assert updater.seen == {"trunk": 8, "a": 8, "b": 4}


def test_a_group_moves_when_it_has_seen_its_number_and_not_before():
    updater = make(pictures={"trunk": 4, "a": 2, "b": 100})
    before = {part: weights(updater, part) for part in ("trunk", *TASKS)}

    updater.update()
    moved = {part: not torch.equal(before[part], weights(updater, part)) for part in before}
    updater.update()

    assert moved == {"trunk": False, "a": True, "b": False}
    assert not torch.equal(before["trunk"], weights(updater, "trunk"))
    assert torch.equal(before["b"], weights(updater, "b"))
    assert updater.seen == {"trunk": 0, "a": 0, "b": 2}


def test_a_resumed_updater_ends_with_the_same_bits_in_the_middle_of_gathering():
    whole, cut, resumed = (make(pictures={"trunk": 6, "a": 6, "b": 6}) for _ in range(3))
    for _ in range(9):
        whole.update()
    for _ in range(5):
        cut.update()

    resumed.load_state_dict(cut.state_dict())
    assert resumed.seen["trunk"] == 4
    for _ in range(4):
        resumed.update()

    for part in ("trunk", *TASKS):
        assert torch.equal(weights(whole, part), weights(resumed, part))


def test_a_weight_counts_in_the_trunk_and_not_in_the_head():
    gradients = {}
    for weight in (1.0, 2.0):
        model = make(pictures={}).model
        batch = TaskBatch(torch.ones(2, 1, 8, 8), {"a": torch.tensor([0, 1])})
        heads, losses = dict(model.heads.items()), {"a": F.cross_entropy}
        backward_by_task(model.trunk, heads, batch, losses=losses, weights={"a": weight})
        gradients[weight] = [
            next(part.parameters()).grad for part in (model.trunk, model.heads["a"])
        ]

    assert torch.equal(2 * gradients[1.0][0], gradients[2.0][0])
    assert torch.equal(gradients[1.0][1], gradients[2.0][1])


def test_a_checkpointed_trunk_learns_the_same():
    plain, checkpointed = (make(pictures={}, checkpointed=own) for own in (False, True))
    for updater in (plain, checkpointed):
        updater.update()

    assert torch.equal(weights(plain, "trunk"), weights(checkpointed, "trunk"))


def test_a_batch_in_parts_is_refused():
    with pytest.raises(TrainingError, match="need one process, whole batches and no 16-mixed"):
        make(pictures={}, accumulate=2)


def test_a_head_for_pixels_answers_at_the_size_of_the_picture():
    model = MultiTask(Trunk(1, WIDTHS), {"mask": PixelHead(WIDTHS, 2)})

    assert model(torch.rand(3, 1, 9, 11))["mask"].shape == (3, 2, 9, 11)
