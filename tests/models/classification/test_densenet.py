"""The dense networks for small pictures, and their saving of memory."""

from __future__ import annotations

import pytest
import torch

from akitsu.errors import RecipeError
from akitsu.models.classification import densenet
from akitsu.models.classification.densenet import DenseBlock, cifar_densenet

BC = {"bottleneck": True, "compression": 0.5}
COUNTS = [
    ({"depth": 40}, 1_019_722),
    ({"depth": 100}, 6_979_642),
    ({"depth": 100, "growth": 24}, 27_249_082),
    ({"depth": 100, **BC}, 769_162),
    ({"depth": 250, "growth": 24, **BC}, 15_324_406),
    ({"depth": 190, "growth": 40, **BC}, 25_624_430),
]


@pytest.mark.parametrize(("options", "parameters"), COUNTS)
def test_the_parameters_are_the_paper_s(options, parameters):
    with torch.device("meta"):
        model = cifar_densenet(10, **options)

    assert sum(each.numel() for each in model.parameters()) == parameters


@pytest.mark.parametrize("bottleneck", [False, True])
def test_a_block_s_output_holds_its_input_and_what_every_layer_gave(bottleneck):
    torch.manual_seed(0)
    block = DenseBlock(4, 6, 3, bottleneck=bottleneck, memory_efficient=False)
    given = [torch.randn(2, 6, 5, 7)]
    for layer in block.layers:
        layer.register_forward_hook(lambda _layer, _read, output: given.append(output))

    output = block(given[0])

    assert block.out_channels == 6 + 4 * 3
    assert torch.equal(output, torch.cat(given, 1))


def trained(*, memory_efficient, bottleneck):
    """Logits, gradients and running statistics after one pass there and back."""
    torch.manual_seed(0)
    model = cifar_densenet(
        3, depth=16, growth=4, bottleneck=bottleneck, memory_efficient=memory_efficient
    )
    logits = model(torch.rand(2, 3, 9, 11, generator=torch.Generator().manual_seed(0)))
    logits.square().sum().backward()
    return model, logits, [each.grad for each in model.parameters()]


@pytest.mark.parametrize("bottleneck", [False, True])
def test_computing_anew_changes_neither_answers_nor_gradients_nor_statistics(bottleneck):
    plain, logits, gradients = trained(memory_efficient=False, bottleneck=bottleneck)

    saving, same_logits, same_gradients = trained(memory_efficient=True, bottleneck=bottleneck)

    torch.testing.assert_close(same_logits, logits, rtol=0, atol=0)
    torch.testing.assert_close(same_gradients, gradients)
    # Computed twice, a batch must count once.
    torch.testing.assert_close(dict(saving.named_buffers()), dict(plain.named_buffers()))
    assert {int(n) for name, n in saving.named_buffers() if name.endswith("tracked")} == {1}


def test_computing_anew_happens_in_training_alone(monkeypatch):
    calls = []
    plain = densenet.checkpoint
    monkeypatch.setattr(
        densenet, "checkpoint", lambda *given, **named: (calls.append(1), plain(*given, **named))[1]
    )
    model, images = cifar_densenet(3, depth=10, memory_efficient=True), torch.rand(2, 3, 8, 8)

    model(images)
    with torch.no_grad():
        model(images)
    model.eval()(images)

    assert len(calls) == 3 * 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"depth": 41}, "model.depth: no network has 41 layers: depths are 3 n + 4; write 40."),
        (
            {"depth": 43, "bottleneck": True},
            "model.depth: no network has 43 layers: depths are 6 n + 4; write 40.",
        ),
        (
            {"compression": 1.5},
            "model.compression: a transition cannot keep 1.5 of its maps; "
            "write a number above 0 and at most 1.",
        ),
    ],
)
def test_an_option_that_no_network_has_is_a_sentence(options, sentence):
    with pytest.raises(RecipeError) as caught:
        cifar_densenet(10, **options)

    assert str(caught.value) == sentence
