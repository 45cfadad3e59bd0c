"""Grown networks: what is kept, what is added, and one norm for each block."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.models.classification.growing import BlockNorm, deepen, new_parameters, widen


def perceptron():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU(), nn.Linear(7, 3)
    ).eval()


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_alexnet_grows_by_the_parameters_that_follow_from_its_layers():
    from torchvision.models import alexnet

    with torch.device("meta"):
        base = alexnet(num_classes=397)
        wider, deeper = widen(base, "classifier.4", 2048), deepen(base, 2048)

    assert count(base) == 58_630_349
    assert count(wider) == 67_840_205
    assert count(deeper) == 66_207_949


def test_without_the_norm_the_old_part_answers_as_before():
    """The reader's new columns are at the end: with them at 0 the network is the old one."""
    model, x = perceptron(), torch.randn(4, 6)

    grown = widen(model, "2", 5, scale=None)
    with torch.no_grad():
        grown.get_parameter("4.layer.weight")[:, 7:] = 0

    torch.testing.assert_close(grown(x), model(x))


def test_growing_leaves_the_model_as_it_was():
    model, x = perceptron(), torch.randn(4, 6)
    before = model(x)

    deepen(widen(model, "2", 5), 4)

    assert torch.equal(model(x), before)
    assert count(model) == 6 * 8 + 8 + 8 * 7 + 7 + 7 * 3 + 3


def test_each_block_gets_the_norm_of_the_scale_by_itself():
    norm = BlockNorm((3, 2), scale=10)
    x = torch.tensor([[30.0, 0, 40, 0.003, 0.004]])

    given = norm(x)

    torch.testing.assert_close(given, torch.tensor([[6.0, 0, 8, 6, 8]]))


def test_a_silent_block_stays_at_zero_and_has_a_finite_gradient():
    norm, x = BlockNorm((2, 2), scale=10), torch.tensor([[3.0, 4, 0, 0]], requires_grad=True)

    given = norm(x)
    given.sum().backward()

    assert given[0, 2:].tolist() == [0, 0]
    assert x.grad.isfinite().all()


def test_maps_are_normed_at_every_position():
    norm, x = BlockNorm((2, 3), scale=1), torch.rand(2, 5, 4, 6)

    given = norm(x)

    torch.testing.assert_close(given[:, :2].norm(dim=1), torch.ones(2, 4, 6))
    torch.testing.assert_close(given[:, 2:].norm(dim=1), torch.ones(2, 4, 6))


def test_a_recipe_s_optimizer_does_not_decay_the_scales():
    from akitsu.recipes.engine import make_optimizer
    from akitsu.recipes.recipe import OptimizerSettings

    grown = widen(perceptron(), "2", 5)

    optimizer = make_optimizer(grown, OptimizerSettings(weight_decay=0.5), scaled=False)

    gamma = grown.get_parameter("4.norm.gamma")
    decays = [
        g["weight_decay"] for g in optimizer.param_groups if any(p is gamma for p in g["params"])
    ]
    assert decays == [0]


def test_widening_two_layers_lets_new_units_read_old_and_new_ones():
    grown = widen(widen(perceptron(), "0", 2), "2", 5)

    second = grown.get_submodule("2.layer")

    assert second.old.in_features == second.new.in_features == 8 + 2
    assert grown(torch.randn(3, 6)).shape == (3, 3)


def test_a_network_of_1_x_1_convolutions_grows_as_well():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    grown = deepen(widen(model, "0", 6), 5)

    assert grown(torch.rand(2, 3, 4, 4)).shape == (2, 2, 4, 4)


def test_what_is_new_is_told_from_what_is_old():
    model = widen(perceptron(), "2", 5)

    new = {id(parameter) for parameter in new_parameters(model)}

    names = {name for name, parameter in model.named_parameters() if id(parameter) in new}
    assert names == {
        "2.new.weight",
        "2.new.bias",
        "4.norm.gamma",
        "4.layer.weight",
        "4.layer.bias",
    }
    assert len(new_parameters(deepen(perceptron(), 5))) == 4


def test_a_misspelt_layer_gets_the_nearest():
    model = nn.ModuleDict({"dense": nn.Linear(3, 4), "classifier": nn.Linear(4, 2)})

    with pytest.raises(RecipeError, match=r"no layer 'clasifier'.*write classifier"):
        widen(model, "clasifier", 2)


def test_the_last_layer_has_no_reader():
    with pytest.raises(RecipeError, match="no linear layer behind 4 reads its units"):
        widen(perceptron(), "4", 2)


def test_no_units_are_no_growth():
    with pytest.raises(RecipeError, match="0 units are none"):
        widen(perceptron(), "2", 0)
    with pytest.raises(RecipeError, match="Flatten has no linear layer"):
        deepen(nn.Flatten(), 2)
