"""What every registered network promises, and what a recipe's mistakes come back as."""

from __future__ import annotations

import inspect

import pytest
import torch

from akitsu.errors import RecipeError, ShapeError
from akitsu.models import registry

# A library's networks have their library's tests; tests/models/test_libraries.py has ours.
NAMES = sorted(name for name, entry in registry.entries().items() if not entry.library)
BY_TASK = {
    task: [name for name in NAMES if registry.entry(name).task == task]
    for task in ("classification", "detection", "segmentation")
}
CLASSES = 3
# Neither a multiple of 4 nor of 8 in any side, and no square.
ODD_HW = (37, 51)


def odd_hw(name):
    """The same for a network that needs larger pictures: odd, and no square."""
    least = registry.entry(name).least_side
    return ODD_HW if least <= min(ODD_HW) else (least | 1, (least | 1) + 14)


def make(name, *, channels=3):
    torch.manual_seed(0)
    return registry.build(name, CLASSES, in_channels=channels, input_hw=odd_hw(name))


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def outputs(model, images):
    result = model(images)
    return result if isinstance(result, tuple) else (result,)


def wanted_shapes(task, batch, hw):
    if task == "classification":
        return [(batch, CLASSES)]
    return [(batch, CLASSES, *hw)]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", BY_TASK["classification"] + BY_TASK["segmentation"])
def test_odd_sizes_and_a_single_picture_give_the_task_s_shapes(name, channels):
    model = make(name, channels=channels).eval()

    given = outputs(model, torch.rand(1, channels, *odd_hw(name)))

    assert [tuple(each.shape) for each in given] == wanted_shapes(
        registry.entry(name).task, 1, odd_hw(name)
    )
    assert all(each.dtype == torch.float32 for each in given)


@pytest.mark.parametrize("name", BY_TASK["classification"] + BY_TASK["segmentation"])
def test_every_parameter_learns(name):
    model = make(name)

    sum(each.square().sum() for each in outputs(model, torch.rand(2, 3, *odd_hw(name)))).backward()

    still = [
        key
        for key, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    ]
    assert still == []


@pytest.mark.parametrize("name", BY_TASK["classification"] + BY_TASK["segmentation"])
def test_a_reloaded_network_answers_the_same(name):
    model, again = make(name).eval(), make(name).eval()
    with torch.no_grad():
        for parameter in again.parameters():
            parameter.zero_()

    again.load_state_dict(model.state_dict())

    images = torch.rand(2, 3, *odd_hw(name))
    for one, other in zip(outputs(model, images), outputs(again, images), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "channels", "classes", "parameters"),
    [
        ("digit-cnn", 1, 10, 62_346),
        ("digit-net", 1, 10, 172_114),
        ("squeezenet-fcn", 3, 11, 757_672),
        ("centernet-lite", 3, 3, 1_663_678),
        ("res-unet", 3, 11, 1_625_994),
    ],
)
def test_the_page_states_the_parameters_that_are_there(name, channels, classes, parameters):
    model = registry.build(name, classes, in_channels=channels, input_hw=(28, 28))

    assert count(model) == parameters
    assert f"{parameters:,}" in registry.entry(name).page


@pytest.mark.parametrize("name", NAMES)
def test_a_builder_names_its_page_paper_and_options(name):
    entry = registry.entry(name)

    assert entry.page
    assert entry.paper
    assert 1980 < entry.year < 2030
    assert list(inspect.signature(entry.build).parameters)[:2] == ["classes", "in_channels"]


def test_a_misspelt_model_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"^model.name: .*'res-unnet'; write res-unet\.$"):
        registry.entry("res-unnet")


def test_a_model_for_another_question_is_refused():
    detectors = [name for name, each in registry.entries().items() if each.task == "detection"]

    with pytest.raises(RecipeError) as caught:
        registry.entry("digit-net", task="detection")

    assert str(caught.value) == (
        "model.name: digit-net is a model for classification, and the task is detection; "
        f"choose one of {', '.join(detectors)}."
    )


def test_a_misspelt_option_gets_the_nearest():
    with pytest.raises(RecipeError, match=r"model.width: .*no option 'width'; write widths"):
        registry.build("res-unet", 2, in_channels=3, input_hw=(32, 32), options={"width": 3})


def test_an_option_of_a_model_without_any_is_refused():
    with pytest.raises(RecipeError, match="its options are: none"):
        registry.build("squeezenet-fcn", 2, in_channels=3, input_hw=(32, 32), options={"x": 3})


@pytest.mark.parametrize(("name", "input_hw"), [("digit-cnn", (28, 15)), ("digit-net", (7, 28))])
def test_a_picture_too_small_for_a_classifier_is_a_sentence(name, input_hw):
    with pytest.raises(ShapeError, match=rf"{input_hw[0]} x {input_hw[1]} are too small"):
        registry.build(name, 10, in_channels=1, input_hw=input_hw)


@pytest.mark.parametrize("input_hw", [(8, 8), (9, 30), (19, 20), (28, 28)])
def test_the_default_classifier_takes_every_size_from_eight_on(input_hw):
    model = registry.build("digit-net", 10, in_channels=1, input_hw=input_hw).eval()

    assert model(torch.rand(1, 1, *input_hw)).shape == (1, 10)
