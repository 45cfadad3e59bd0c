from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError, TrainingError
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.freeze import Freeze
from akitsu.training.hooks import GradientClipping

from ..conftest import FEATURES
from ..states import states_of

PRECISE = {"decay": None, "hooks": []}


def network() -> nn.Module:
    """Two blocks with BatchNorm, and a head."""
    torch.manual_seed(3)

    def block(inputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU())

    backbone = nn.ModuleDict({"stem": block(FEATURES), "late": block(8)})
    return Blocks(backbone, nn.Linear(8, 2))


class Blocks(nn.Module):
    def __init__(self, backbone: nn.ModuleDict, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs):
        return self.head(self.backbone["late"](self.backbone["stem"](inputs)))


def frozen_run(trainer, until, *, kind=torch.optim.AdamW, **options):
    """Three epochs of five iterations with a weight decay and momenta, as frozen as asked."""
    model = network()
    optimizer = kind(model.parameters(), lr=0.05, weight_decay=0.1)
    ours = trainer(model=model, optimizer=optimizer, **{**PRECISE, **options})
    ours.extend(Freeze(until))
    return ours


def moved(ours, part: str) -> list[int]:
    """Run; the iterations in which a parameter or statistic of that part was not as before."""
    model, iterations = ours.updater.model, []
    last = {key: value.clone() for key, value in model.state_dict().items()}

    def compare(trainer):
        state = model.state_dict()
        if any(not torch.equal(state[key], last[key]) for key in state if key.startswith(part)):
            iterations.append(trainer.updater.iteration)
        last.update({key: value.clone() for key, value in state.items()})

    ours.extend(compare, trigger=(1, "iteration"))
    ours.run()
    return iterations


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.RMSprop])
@pytest.mark.parametrize(
    ("until", "part", "iterations"),
    [
        ({"backbone": (2, "epoch")}, "backbone", range(11, 16)),
        ({"backbone": (0.5, "epoch")}, "backbone", range(4, 16)),
        ({"backbone": (7, "iteration")}, "backbone", range(8, 16)),
        ({"backbone": None}, "backbone", []),
        ({"backbone": None}, "head", range(1, 16)),
        ({"backbone": (1, "epoch"), "backbone.stem": None}, "backbone.stem", []),
        ({"backbone": (1, "epoch"), "backbone.stem": None}, "backbone.late", range(6, 16)),
        ({"backbone": None, "backbone.late": (1, "epoch")}, "backbone.late", range(6, 16)),
    ],
)
def test_a_part_moves_from_its_moment_on_and_not_by_a_bit_before(
    trainer, kind, until, part, iterations
):
    """Neither by its gradient nor by decay or momentum, nor in BatchNorm's statistics."""
    assert moved(frozen_run(trainer, until, kind=kind), part) == list(iterations)


def test_a_frozen_parameter_has_no_gradient_and_no_state_in_the_optimizer(trainer):
    ours = frozen_run(trainer, {"backbone": None})

    ours.run()

    (optimizer,) = ours.updater.optimizers.values()
    assert set(optimizer.state) == set(ours.updater.model.head.parameters())
    assert all(parameter.grad is None for parameter in ours.updater.model.backbone.parameters())


def test_adam_corrects_for_its_first_steps_when_a_part_begins_to_learn(trainer):
    ours = frozen_run(trainer, {"backbone": (2, "epoch")})

    ours.run()

    (optimizer,) = ours.updater.optimizers.values()
    model = ours.updater.model
    steps = {float(optimizer.state[p]["step"]) for p in model.backbone.parameters()}
    assert steps == {5}
    assert float(optimizer.state[model.head.weight]["step"]) == 15


@pytest.mark.parametrize("iteration", [1, 4, 5, 6, 9, 10, 12])
def test_a_run_resumed_anywhere_ends_like_the_unbroken_one(trainer, iteration):
    """Before, at and after the two moments, in a model that was built anew."""
    until = {"backbone": (2, "epoch"), "backbone.late": (1, "epoch")}
    unbroken = frozen_run(trainer, until)
    states = states_of(unbroken)
    resumed = frozen_run(trainer, until)
    resumed.load_state_dict(deepcopy(states[iteration]))

    resumed.run()

    final, ours = unbroken.updater.model.state_dict(), resumed.updater.model.state_dict()
    assert all(torch.equal(ours[key], final[key]) for key in final)


def test_an_evaluation_between_leaves_frozen_statistics_frozen(trainer):
    ours = frozen_run(trainer, {"backbone": (2, "epoch")})
    ours.extend(Evaluator(lambda model: {"modes": float(model.training)}), trigger=(2, "iteration"))

    assert moved(ours, "backbone") == list(range(11, 16))


def test_at_the_end_the_model_is_as_trainable_as_it_came(trainer):
    ours = frozen_run(trainer, {"backbone": None})
    model = ours.updater.model
    model.backbone["late"].requires_grad_(False)
    model.backbone["late"].eval()
    before = [module.training for module in model.modules()]

    ours.run()

    assert [module.training for module in model.modules()] == before
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == {name for name, _ in model.named_parameters() if "late" not in name}


def test_what_the_caller_froze_stays_frozen_at_its_moment(trainer):
    ours = frozen_run(trainer, {"backbone": (1, "epoch")})
    ours.updater.model.backbone["late"][0].requires_grad_(False)

    assert moved(ours, "backbone.late.0") == []


def test_several_processes_compute_the_gradients_and_drop_them_before_they_are_clipped(trainer):
    """DistributedDataParallel would wait for gradients that nobody computes.

    Two processes are only said to be there; a gradient of the backbone is planted.
    """
    ours = frozen_run(trainer, {"backbone": None}, hooks=[GradientClipping(1e-3)])
    updater, model = ours.updater, ours.updater.model
    freeze = ours.extension("Freeze")
    several = SimpleNamespace(
        updater=SimpleNamespace(
            fabric=SimpleNamespace(world_size=2),
            model=model,
            batches=updater.batches,
            hooks=updater.hooks,
            iteration=0,
        )
    )
    freeze.initialize(several)
    computed = [parameter.requires_grad for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)

    for hook in updater.hooks:
        hook(updater, updater.optimizers["main"])

    freeze.finalize(several)
    assert all(computed)
    assert len(updater.hooks) == 1
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    norm = torch.cat([parameter.grad.flatten() for parameter in model.head.parameters()]).norm()
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


def test_a_gradient_from_before_is_not_stepped_along(trainer):
    ours = trainer(model=network(), **PRECISE)
    for parameter in ours.updater.model.parameters():
        parameter.grad = torch.ones_like(parameter)

    Freeze({"backbone": None}).initialize(ours)

    left = {k for k, p in ours.updater.model.named_parameters() if p.grad is not None}
    assert left == {"head.weight", "head.bias"}


@pytest.mark.parametrize(
    ("until", "message"),
    [
        ({"backbon": None}, "no parameter of the model belongs to 'backbon'; write backbone"),
        ({"back": None}, "belongs to 'back'; write backbone"),
        ({"zzz": None}, "belongs to 'zzz'; name a part of backbone, head"),
        ({"": None}, "belongs to ''; name a part of backbone, head"),
        ({"backbone": None, "head": None}, "every parameter of the model is frozen; leave a part"),
    ],
)
def test_what_cannot_be_frozen_is_refused_before_the_first_iteration(trainer, until, message):
    ours = frozen_run(trainer, until)

    with pytest.raises(TrainingError, match=rf"^Freeze: .*{message}"):
        ours.run()

    assert ours.updater.iteration == 0


def test_a_moment_that_is_none_is_refused_with_the_part():
    with pytest.raises(RecipeError, match=r"^Freeze, backbone: .* says no moment"):
        Freeze({"backbone": (3, "second")})
