from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import TrainingError
from akitsu.training.weights import load_weights, save_weights

from .conftest import tiny_model


def test_weights_come_back_as_they_were(tmp_path):
    model, other = tiny_model(), tiny_model()
    save_weights(model.state_dict(), tmp_path / "w.safetensors")

    load_weights(other, tmp_path / "w.safetensors")

    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


def test_equal_weights_give_equal_bytes_whatever_their_memory_format(tmp_path):
    model = nn.Conv2d(3, 4, 3)
    save_weights(model.state_dict(), tmp_path / "a.safetensors")
    save_weights(
        model.to(memory_format=torch.channels_last).state_dict(), tmp_path / "b.safetensors"
    )

    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_weight_that_two_layers_share_is_written(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    written = model[0].weight.detach().clone()
    save_weights(model.state_dict(), tmp_path / "w.safetensors")
    nn.init.zeros_(model[0].weight)

    load_weights(model, tmp_path / "w.safetensors")

    assert torch.equal(model[0].weight, written)
    assert model[1].weight is model[0].weight


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x05\x00\x00\x00\x00\x00\x00\x00{}"])
def test_hostile_weights_are_named_and_explained(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)

    with pytest.raises(TrainingError, match=r"w\.safetensors: these weights do not fit the model"):
        load_weights(tiny_model(), path)


def test_weights_of_another_model_and_none_at_all_are_a_sentence(tmp_path):
    save_weights(nn.Linear(1, 1).state_dict(), tmp_path / "w.safetensors")

    for name in ("w.safetensors", "absent.safetensors"):
        with pytest.raises(TrainingError, match=f"{name}: these weights do not fit"):
            load_weights(tiny_model(), tmp_path / name)
