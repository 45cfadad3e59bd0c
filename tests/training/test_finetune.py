"""What is frozen, who learns how fast, and that a resume changes nothing of it."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.recipes.engine import make_optimizer
from akitsu.recipes.recipe import OptimizerSettings
from akitsu.training.extensions.freeze import Freeze
from akitsu.training.finetune import (
    Group,
    freeze,
    head_of,
    matches,
    moments,
    parameter_groups,
    reset_head,
)

from .states import states_of


def network() -> nn.Module:
    """Parameters 0.*, 1.* (BatchNorm), 3.* (the head)."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("features.12", ["features.12.weight"]),
        ("features.1*", ["features.1.bias", "features.12.weight"]),
        ("features", ["features.1.bias", "features.12.weight"]),
        ("*.bias", ["features.1.bias"]),
        ("feature", []),
    ],
)
def test_a_glob_means_parameters_and_the_name_of_a_part_all_that_is_in_it(pattern, meant):
    names = ["features.1.bias", "features.12.weight", "head.weight"]

    assert [name for name in names if matches(name, pattern)] == meant


def test_a_frozen_batch_norm_stays_in_evaluation_mode_through_every_train():
    """The default would be that it goes on counting: requires_grad does not concern it."""
    model = network()
    freeze(model, ["0", "1"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    model.train()
    model(torch.randn(4, 6))

    assert model.training
    assert not model[1].training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == [False] * 4 + [True] * 2


def test_the_extension_holds_its_layers_when_somebody_calls_train_and_lets_go_at_the_end(trainer):
    ours = trainer(model=network(), decay=None, hooks=[])
    model, seen = ours.updater.model, []
    ours.extend(Freeze({"1": None}))

    def disturb(trainer):
        model.train()
        seen.append(model[1].training)

    ours.extend(disturb, trigger=(1, "iteration"))
    ours.run()

    assert seen == [False] * 15
    assert model[1].training
    model.eval()
    assert not model[1].training


def test_a_normalisation_without_parameters_can_be_frozen(trainer):
    model = network()
    model[1] = nn.BatchNorm1d(8, affine=False)
    ours = trainer(model=model, decay=None, hooks=[])
    mean = model[1].running_mean.clone()
    ours.extend(Freeze(moments(model, ["0", "1"], [], last_iteration=15)))

    ours.run()

    assert torch.equal(model[1].running_mean, mean)


def test_a_part_learns_from_its_part_of_the_run_on_and_the_earlier_moment_counts():
    model = network()

    until = moments(model, ["0", "1"], [(0.5, "0*"), (0.2, "0.bias")], last_iteration=15)

    assert until == {
        "0.weight": (8, "iteration"),
        "0.bias": (3, "iteration"),
        "1.weight": None,
        "1.bias": None,
        "1": None,
    }


@pytest.mark.parametrize("iteration", [1, 3, 4, 8, 9])
def test_a_run_with_gradual_unfreezing_resumed_anywhere_ends_like_the_unbroken_one(
    trainer, iteration
):
    """With averaged weights and momenta; before, at and after both moments."""

    def run():
        model = network()
        settings = OptimizerSettings(lr=0.05, backbone_lr_scale=0.5)
        ours = trainer(model=model, optimizer=make_optimizer(model, settings, scaled=False))
        until = moments(model, ["0", "1"], [(0.5, "0"), (0.2, "1")], last_iteration=15)
        ours.extend(Freeze(until))
        return ours

    unbroken = run()
    states = states_of(unbroken)
    resumed = run()
    resumed.load_state_dict(deepcopy(states[iteration]))

    resumed.run()

    for one, other in (
        (unbroken.updater.model, resumed.updater.model),
        (unbroken.updater.best_model, resumed.updater.best_model),
    ):
        wanted = one.state_dict()
        assert all(torch.equal(each, wanted[name]) for name, each in other.state_dict().items())


def test_each_parameter_is_in_the_group_that_means_it():
    model = network()
    groups = [Group(("head",)), Group(("1",), 0.5), Group(("rest",), 0.1)]

    shared = parameter_groups(model, groups)

    assert [scale for _, scale in shared] == [1.0, 0.5, 0.1]
    assert [[id(p) for p in held] for held, _ in shared] == [
        [id(p) for p in model[place].parameters()] for place in (3, 1, 0)
    ]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([Group(("3",)), Group(("1",))], "the parameter 0.weight falls in no group"),
        ([Group(("*",)), Group(("head",))], "the parameter 3.weight falls in 2 groups"),
        ([Group(("head",)), Group(("rest",)), Group(("9",))], "no parameter .* meant by '9'"),
    ],
)
def test_groups_that_do_not_share_the_parameters_out_are_refused(groups, message):
    with pytest.raises(RecipeError, match=rf"^optimizer.groups: {message}"):
        parameter_groups(network(), groups)


def test_a_tenth_of_the_learning_rate_moves_a_parameter_as_that_rate_for_all_does():
    """Bit for bit, in the first step of SGD."""
    scaled, slow = network(), network()
    inputs, rate = torch.randn(16, 6, generator=torch.Generator().manual_seed(0)), 0.5
    first = OptimizerSettings(name="sgd", lr=rate, weight_decay=0, backbone_lr_scale=0.1)
    second = OptimizerSettings(name="sgd", lr=rate * 0.1, weight_decay=0)

    for model, settings in ((scaled, first), (slow, second)):
        model(inputs).square().sum().backward()
        make_optimizer(model, settings, scaled=False).step()

    pairs = list(zip(scaled.parameters(), slow.parameters(), strict=True))
    assert all(torch.equal(one, other) for one, other in pairs[:4])
    assert not torch.equal(*pairs[4])


def test_biases_and_norms_of_every_group_are_not_decayed():
    model = network()
    settings = OptimizerSettings(weight_decay=0.3, backbone_lr_scale=0.1)

    groups = make_optimizer(model, settings, scaled=False).param_groups

    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert decayed == {id(model[0].weight), id(model[3].weight)}
    assert len({id(p) for group in groups for p in group["params"]}) == 6


def test_rates_given_twice_are_refused():
    settings = OptimizerSettings(groups=[{"match": "*"}], backbone_lr_scale=0.1)

    with pytest.raises(RecipeError, match="given twice; leave out this"):
        make_optimizer(network(), settings, scaled=False)


def test_the_head_is_the_last_linear_layer_or_one_by_one_convolution():
    squeezenet_like = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Dropout(), nn.Conv2d(8, 2, 1), nn.AdaptiveAvgPool2d(1)
    )

    assert head_of(network()) == "3"
    assert head_of(squeezenet_like) == "2"
    with pytest.raises(RecipeError, match="no linear layer"):
        head_of(nn.Sequential(nn.Conv2d(3, 8, 3)))


def test_a_new_head_begins_close_to_zero():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(100, 100), nn.Linear(100, 100))

    reset_head(model)

    assert float(model[1].weight.detach().std()) == pytest.approx(0.01, rel=0.05)
    assert not model[1].bias.any()


@pytest.mark.parametrize(
    ("patterns", "unfreeze", "message"),
    [
        (["zzz"], [], "^model.freeze: no parameter of the model is meant by 'zzz'"),
        (["0"], [(0.5, "3")], "^model.unfreeze: nothing frozen is meant by '3'"),
    ],
)
def test_globs_that_mean_nothing_are_refused(patterns, unfreeze, message):
    with pytest.raises(RecipeError, match=message):
        moments(network(), patterns, unfreeze, last_iteration=10)
