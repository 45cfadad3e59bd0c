"""UberNet: many tasks from sets labelled for some, in memory that does not grow with the tasks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, at_most, claim, equal, true
from akitsu.models.classification.ubernet import MultiTask, PictureHead, Trunk
from akitsu.training.asynchronous import AsyncUpdater, TaskBatch, backward_by_task

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADS = (1, 2, 4, 8, 16)
WIDTHS = (8, 16)
MEGA = 1e6


@claim(
    "ubernet",
    title="UberNet: Training a Universal Convolutional Neural Network",
    paper="arXiv:1609.02132",
    year=2017,
    idea="one head after the other: all losses are added up and go back together",
)
def ubernet(*, idea: bool = True) -> Evidence:
    """One trunk learns many tasks from sets labelled for only some of them.

    Run one after the other, the heads need no more memory than one head does, and give the same
    gradients. Gathered over pictures, they are those of an ordinary batch, and a head whose task
    never comes stays as it is.
    """
    joint = [_peak(n, _joint) / MEGA for n in HEADS]
    by_task = [_peak(n, _by_task if idea else _joint) / MEGA for n in HEADS]
    lonely, others = _idle(only=("0",)), _idle(only=("0", "1"), still_trunk=True)
    alone = _idle(only=("0",), still_trunk=True)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(HEADS, joint, "o-", label="all losses at once")
        axes.plot(HEADS, by_task, "s-", label="one head after the other")
        axes.set(xlabel="heads", ylabel="MB kept for the backward pass", ylim=(0, None))
        axes.set_title("Memory of one batch of 8 pictures, weights not counted")
        axes.legend()

    return Evidence(
        (
            equal("MB kept with 16 heads over those with one", by_task[-1] / by_task[0], 1),
            at_least("the same where all losses go back together", joint[-1] / joint[0], 3),
            at_most("largest difference of the gradients", _apart(), 1e-6),
            true("pictures gathered one by one make the step of a batch", _same_as_gathering()),
            true("a head whose task never comes keeps its bits", bool(lonely["1"])),
            true("with a still trunk, other tasks do not touch a head", _same(alone, others)),
        ),
        draw,
        limits="The paper's seven tasks, their data and their scores are not repeated here.",
    )


Pass = Callable[[MultiTask, TaskBatch], None]


def _network(heads: int) -> MultiTask:
    torch.manual_seed(0)
    return MultiTask(Trunk(1, WIDTHS), {str(n): PictureHead(WIDTHS, 4) for n in range(heads)})


def _batch(heads: int, n: int = 8) -> TaskBatch:
    random = torch.Generator().manual_seed(1)
    images = torch.rand(n, 1, 32, 32, generator=random)
    labels = torch.randint(4, (heads, n), generator=random)
    return TaskBatch(images, {str(head): labels[head].clone() for head in range(heads)})


def _joint(model: MultiTask, batch: TaskBatch) -> None:
    answers = model(batch.images)
    # Backward goes through the heads from the last to the first, which is kept in mind when sums
    # are compared bit by bit.
    total = sum(
        (
            F.cross_entropy(answers[name], label) * len(label)
            for name, label in batch.targets.items()
        ),
        torch.zeros(()),
    )
    total.backward()  # type: ignore[no-untyped-call]


def _by_task(model: MultiTask, batch: TaskBatch) -> None:
    losses = dict.fromkeys(batch.targets, F.cross_entropy)
    backward_by_task(model.trunk, dict(model.heads.items()), batch, losses=losses, weights={})


class _Kept:
    """A tensor that the backward pass needs."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _peak(heads: int, run: Pass) -> int:
    """The most bytes kept for the backward pass at once; memory that is shared counts once."""
    model = _network(heads)
    weights = {each.untyped_storage().data_ptr() for each in model.parameters()}
    kept: dict[int, int] = {}
    now = most = 0

    def pack(tensor: Tensor) -> _Kept:
        nonlocal now, most
        box, storage = _Kept(tensor), tensor.untyped_storage()
        key = storage.data_ptr()
        if key not in weights:
            now += 0 if kept.get(key) else storage.nbytes()
            kept[key] = kept.get(key, 0) + 1
            most = max(most, now)
            weakref.finalize(box, drop, key, storage.nbytes())
        return box

    def drop(key: int, size: int) -> None:
        nonlocal now
        kept[key] -= 1
        now -= 0 if kept[key] else size

    with saved_tensors_hooks(pack, lambda box: box.tensor):
        run(model, _batch(heads))
    return most


def _gradients(model: nn.Module) -> list[Tensor]:
    return [each.grad for each in model.parameters() if each.grad is not None]


def _apart() -> float:
    """Between the two ways, relative to the largest gradient."""
    models = _network(4), _network(4)
    for model, run in zip(models, (_joint, _by_task), strict=True):
        run(model, _batch(4))
    ours, theirs = (_gradients(model) for model in models)
    largest = max(float(each.abs().max()) for each in theirs)
    pairs = zip(ours, theirs, strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs) / largest


class _Given:
    """Batches of a list, over and over."""

    def __init__(self, batches: list[TaskBatch]) -> None:
        self.batches, self.iteration = batches, 0
        self.batches_per_epoch, self.epoch, self.epoch_detail = len(batches), 0, 0.0
        self.is_new_epoch = False

    def __next__(self) -> TaskBatch:
        self.iteration += 1
        return self.batches[(self.iteration - 1) % len(self.batches)]

    def state_dict(self) -> dict[str, int]:
        return {"iteration": self.iteration}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.iteration = state["iteration"]


def _updater(
    model: MultiTask, batches: list[TaskBatch], *, n: int, lr: float = 0.1
) -> AsyncUpdater:
    groups: dict[str, nn.Module] = {"trunk": model.trunk, **dict(model.heads.items())}
    optimizers = {
        name: torch.optim.SGD(part.parameters(), lr=lr if name == "trunk" else 0.1, momentum=0.9)
        for name, part in groups.items()
    }
    losses = dict.fromkeys(model.heads, F.cross_entropy)
    pictures = dict.fromkeys(groups, n)
    return AsyncUpdater(_Given(batches), model, optimizers, losses=losses, pictures=pictures)


def _same_as_gathering() -> bool:
    """Two fully labelled tasks, four pictures one at a time, beside plain accumulation."""
    ours, theirs, batch = _network(2), _network(2), _batch(2, n=4)
    single = [
        TaskBatch(batch.images[i : i + 1], {k: v[i : i + 1] for k, v in batch.targets.items()})
        for i in range(4)
    ]
    updater = _updater(ours, single, n=4)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    for each in single:
        updater.update()
        _joint(theirs, each)
    for parameter in theirs.parameters():
        assert parameter.grad is not None
        parameter.grad /= 4
    optimizer.step()
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def _idle(*, only: tuple[str, ...], still_trunk: bool = False) -> dict[str, bool | Tensor]:
    """After 12 steps of some tasks: the first head's weights, and whether head 1 is as it was."""
    model, batch = _network(2), _batch(2)
    before = [each.clone() for each in model.heads["1"].parameters()]
    batches = [TaskBatch(batch.images, {name: batch.targets[name]}) for name in only]
    updater = _updater(model, batches, n=8, lr=0.0 if still_trunk else 0.1)
    for _ in range(6 * len(only)):
        updater.update()
    after = model.heads["1"].parameters()
    same = all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    weights = torch.cat([each.detach().flatten() for each in model.heads["0"].parameters()])
    return {"0": weights, "1": same}


def _same(one: dict[str, bool | Tensor], other: dict[str, bool | Tensor]) -> bool:
    first, second = one["0"], other["0"]
    assert isinstance(first, Tensor)
    assert isinstance(second, Tensor)
    return torch.equal(first, second)
