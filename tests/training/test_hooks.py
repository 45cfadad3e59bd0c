from __future__ import annotations

from copy import deepcopy
from math import isnan
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.training.hooks import (
    GradientClipping,
    GradientHardClipping,
    GradientLARS,
    GradientNoise,
    Lasso,
    WeightDecay,
)

from .states import states_of

HOOKS = {
    "clipping": GradientClipping(0.1),
    "hard clipping": GradientHardClipping(-0.01, 0.01),
    "noise": GradientNoise(0.3),
    "LARS": GradientLARS(decay=0.1),
    "Lasso": Lasso(0.1),
    "weight decay": WeightDecay(0.1),
}


def hooked(hook, weights, gradients, *, iteration=0) -> list[list[float] | None]:
    """The gradients that a hook makes of these; a parameter with None has none."""
    parameters = [nn.Parameter(torch.tensor(weight, dtype=torch.float32)) for weight in weights]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = torch.tensor(gradient, dtype=torch.float32)
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    hook(SimpleNamespace(iteration=iteration, optimizers={"main": optimizer}), optimizer)
    return [None if p.grad is None else p.grad.tolist() for p in parameters]


def weights_of(trainer) -> dict[str, torch.Tensor]:
    trainer.run()
    return trainer.updater.model.state_dict()


def test_clipping_measures_all_parameters_together():
    """3, 4 and 12 have a norm of 13."""
    after = hooked(GradientClipping(6.5), [[0, 0], [0]], [[3, 4], [12]])

    assert after == [pytest.approx([1.5, 2], rel=1e-5), pytest.approx([6], rel=1e-5)]


def test_clipping_leaves_a_short_gradient_alone():
    assert hooked(GradientClipping(13.1), [[0, 0], [0]], [[3, 4], [12]]) == [[3, 4], [12]]


def test_clipping_waits_for_no_gradient_that_is_not_a_number():
    """Who asked for it would make a GPU stop at every step; the loss shows it soon enough."""
    (after,) = hooked(GradientClipping(1.0), [[0.0]], [[float("nan")]])

    assert after is not None
    assert isnan(after[0])


def test_hard_clipping_cuts_each_number():
    after = hooked(GradientHardClipping(-1, 2), [[0, 0, 0]], [[-3, 0.5, 7]])

    assert after == [[-1, 0.5, 2]]


def test_lasso_pulls_by_the_same_towards_zero_and_leaves_zero():
    after = hooked(Lasso(0.5), [[2, -3, 0]], [[1, 1, 1]])

    assert after == [[1.5, 0.5, 1]]


def test_weight_decay_adds_the_weights():
    assert hooked(WeightDecay(0.5), [[2, -4]], [[1, 1]]) == [[2, -1]]


def test_weight_decay_trains_like_the_decay_that_torch_has_in_sgd(trainer):
    def sgd(model, decay):
        return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=decay)

    torch.manual_seed(0)
    one, other = (nn.Linear(6, 2) for _ in range(2))
    other.load_state_dict(one.state_dict())
    ours = trainer(model=one, optimizer=sgd(one, 0.0), hooks=[WeightDecay(0.1)])
    theirs = trainer(model=other, optimizer=sgd(other, 0.1), hooks=[])

    torch.testing.assert_close(weights_of(ours), weights_of(theirs))


def test_lars_gives_each_layer_the_length_of_its_weights():
    """Lengths 5 and 10, gradients of lengths 1 and 200: both directions stay."""
    after = hooked(GradientLARS(), [[3, 4], [6, 8]], [[1, 0], [0, 200]])

    assert after == [pytest.approx([5, 0]), pytest.approx([0, 10])]


def test_lars_decays_as_in_the_paper():
    """5 / (1 + 0.2 · 5) = 2.5 times (1, 0) + 0.2 · (3, 4)."""
    after = hooked(GradientLARS(decay=0.2), [[3, 4]], [[1, 0]])

    assert after == [pytest.approx([4, 2])]


def test_lars_leaves_small_weights_and_layers_without_gradient_finite():
    """The first is below the threshold: scaled by its length, it would never leave zero."""
    after = hooked(GradientLARS(), [[0, 0.001], [3, 4]], [[2, 0], [0, 0]])

    assert after == [[2, 0], [0, 0]]


@pytest.mark.parametrize(("iteration", "deviation"), [(0, 0.5), (99, 0.5 * 100**-0.275)])
def test_noise_has_the_variance_of_the_paper(iteration, deviation):
    (noise,) = hooked(GradientNoise(0.25), [[0.0] * 40_000], [[1.0] * 40_000], iteration=iteration)

    noise = torch.tensor(noise) - 1
    assert float(noise.mean()) == pytest.approx(0, abs=4 * deviation / 200)
    assert float(noise.std()) == pytest.approx(deviation, rel=0.02)


def test_noise_differs_by_parameter_iteration_seed_and_optimizer():
    def draw(iteration=0, seed=0, place=0):
        parameters = [nn.Parameter(torch.zeros(3)) for _ in range(2)]
        for parameter in parameters:
            parameter.grad = torch.zeros(3)
        ours, other = torch.optim.SGD(parameters, lr=1.0), torch.optim.SGD(parameters, lr=1.0)
        named = {"one": ours, "two": other} if place == 0 else {"one": other, "two": ours}
        hook = GradientNoise(1.0, gamma=0, seed=seed)  # of one size: only the draws may differ
        hook(SimpleNamespace(iteration=iteration, optimizers=named), ours)
        return [tuple(parameter.grad.tolist()) for parameter in parameters]

    drawn = draw() + draw(iteration=1) + draw(seed=1) + draw(place=1)

    assert draw() == drawn[:2]
    assert len(set(drawn)) == len(drawn)


class Sharded(torch.Tensor):
    """As much of a DTensor as the noise looks at."""

    def to_local(self):
        return self.as_subclass(torch.Tensor)


@pytest.mark.parametrize(("kind", "alike"), [(torch.Tensor, True), (Sharded, False)])
def test_two_processes_draw_alike_unless_they_hold_different_parts(kind, alike):
    def draw(rank):
        parameter = nn.Parameter(torch.zeros(5))
        parameter.grad = torch.zeros(5).as_subclass(kind)
        optimizer = torch.optim.SGD([parameter], lr=1.0)
        fabric = SimpleNamespace(global_rank=rank)
        updater = SimpleNamespace(iteration=0, optimizers={"main": optimizer}, fabric=fabric)
        GradientNoise(1.0)(updater, optimizer)
        return parameter.grad.tolist()

    assert any(draw(0))
    assert (draw(0) == draw(1)) is alike


def test_noise_leaves_the_global_random_numbers_alone():
    before = torch.get_rng_state()

    hooked(GradientNoise(1.0), [[0.0]], [[0.0]])

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_passes_over_parameters_without_a_gradient(name):
    one, none = hooked(HOOKS[name], [[1.0], [2.0]], [[5.0], None])

    assert one != [5.0]
    assert none is None
    assert hooked(HOOKS[name], [[1.0]], [None]) == [None]


@pytest.mark.parametrize("name", HOOKS)
def test_a_run_with_a_hook_resumed_anywhere_ends_like_the_unbroken_one(trainer, name):
    unbroken = trainer(hooks=[HOOKS[name]])
    states = states_of(unbroken)
    plain = weights_of(trainer(hooks=[]))

    for iteration in (1, 7):
        resumed = trainer(hooks=[HOOKS[name]])
        resumed.load_state_dict(deepcopy(states[iteration]))
        weights = weights_of(resumed)

        final = unbroken.updater.model.state_dict()
        assert all(torch.equal(weights[key], final[key]) for key in final)
    assert any(not torch.equal(plain[key], final[key]) for key in final)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GradientClipping(0), "GradientClipping: a longest norm of 0 leaves no gradient"),
        (lambda: GradientClipping(-1), "above 0"),
        (lambda: GradientHardClipping(1, -1), "1 is not below -1; give the lower bound first"),
        (lambda: GradientNoise(-0.1), "GradientNoise: -0.1 is no variance; give 0.01, 0.3 or 1"),
    ],
)
def test_bounds_that_would_turn_the_gradient_round_are_refused(make, message):
    with pytest.raises(RecipeError, match=message):
        make()
