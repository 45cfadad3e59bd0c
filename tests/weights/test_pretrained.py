"""Weights from files and the network: known, compared, put in by name and shape, or refused."""

from __future__ import annotations

import hashlib
import io
from types import SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models as torchvision_models

from akitsu.errors import ModelFileError, RecipeError
from akitsu.models import registry
from akitsu.runtime.card import ModelCard
from akitsu.weights import download, pretrained
from akitsu.weights.download import DownloadError
from akitsu.weights.pretrained import IMAGENET, Pretrained, from_file, of_library, put_into


def network(classes: int = 3, channels: int = 3) -> nn.Module:
    torch.manual_seed(classes)
    return nn.Sequential(nn.Conv2d(channels, 4, 3), nn.ReLU(), nn.Conv2d(4, classes, 1))


def weights(classes: int = 10):
    return {name: tensor.clone() for name, tensor in network(classes).state_dict().items()}


class Malicious:
    def __reduce__(self):
        return print, ("this ran",)


def test_a_head_of_another_shape_begins_anew_and_it_is_said():
    model = network(3)
    before = model[2].weight.detach().clone()

    loaded = put_into(model, Pretrained(weights(10), "ours"))

    assert torch.equal(model[0].weight, weights(10)["0.weight"])
    assert torch.equal(model[2].weight, before)
    assert str(loaded) == (
        "2 of 4 tensors loaded; of another shape, and begin anew: 2.weight, 2.bias"
    )


def test_what_has_no_place_is_left_out_and_what_got_nothing_is_missing():
    found = weights(3)
    found["old.head"] = found.pop("2.bias")

    loaded = put_into(network(3), Pretrained(found, "ours"))

    assert (loaded.left_out, loaded.missing) == (["old.head"], ["2.bias"])


def test_grey_pictures_get_the_sum_of_the_three_filters():
    """So a grey picture is answered like the same in three equal channels."""
    colour, grey = network(3), network(3, channels=1)
    picture = torch.rand(2, 1, 8, 8)

    put_into(grey, Pretrained(colour.state_dict(), "ours"))

    torch.testing.assert_close(grey(picture), colour(picture.expand(-1, 3, -1, -1)))


def test_grey_pictures_get_the_mean_normalisation():
    found = Pretrained({}, "ours", None, {"mean": [0.2, 0.3, 0.4], "std": [0.1, 0.2, 0.3]})

    grey = found.normalisation_for(1)
    assert grey["mean"] == pytest.approx([0.3])
    assert grey["std"] == pytest.approx([0.2])
    assert found.normalisation_for(3) == found.normalisation


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelFileError, match=r"ours: no weights here .*set model.name"):
        put_into(network(), Pretrained({"a.weight": torch.ones(2, 2)}, "ours", "resnet18"))


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state}])
def test_a_state_dict_is_read_and_its_prefix_taken_off(tmp_path, wrap):
    torch.save(wrap({f"module.{k}": v for k, v in weights().items()}), tmp_path / "mine.pth")

    found = from_file(tmp_path / "mine.pth")

    assert found.weights.keys() == weights().keys()
    assert (found.model, found.source) == (None, "mine.pth")


def test_a_pickle_that_would_run_something_is_refused_and_does_not(tmp_path, capsys):
    torch.save({"weight": Malicious()}, tmp_path / "evil.pth")

    with pytest.raises(ModelFileError, match=r"evil.pth: .*anything else is not opened"):
        from_file(tmp_path / "evil.pth")

    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cut.pth", b"PK\x03\x04", "no file of tensors"),
        ("cut.safetensors", b"\xff" * 9, "no .safetensors file"),
        ("cut.net", b"\x01" * 9, "cut.net"),
        ("photo.jpg", b"", "weights of this kind are not known; use one of .safetensors"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelFileError, match=message):
        from_file(tmp_path / name)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(ModelFileError, match="there are no such weights; check the path"):
        from_file(tmp_path / "nothing.pth")


def test_a_run_s_folder_says_its_network_and_normalisation(tmp_path):
    save_file(weights(), tmp_path / "best.safetensors")
    card = ModelCard(
        task="classification",
        model="squeezenet",
        classes=("a", "b"),
        input_hw=(32, 32),
        channels=3,
        normalisation={"mean": [0.1, 0.2, 0.3], "std": [1.0, 1.0, 1.0]},
        provenance={"recipe": "photos"},
    )
    (tmp_path / "card.json").write_text(card.to_json())

    found = from_file(tmp_path)

    assert found.model == "squeezenet"
    assert found.normalisation == card.normalisation
    assert found.source == "squeezenet trained by photos"


def offered(monkeypatch, tmp_path, content: bytes, *, checksum: str | None = None):
    """Have torchvision offer `content` as the weights of squeezenet1_1."""
    digest = checksum or hashlib.sha256(content).hexdigest()[:8]
    url = f"https://download.pytorch.org/models/squeezenet1_1-{digest}.pth"
    monkeypatch.setattr(
        torchvision_models,
        "get_model_weights",
        lambda name: [SimpleNamespace(name="IMAGENET1K_V1", url=url)] * (name == "squeezenet1_1"),
    )
    monkeypatch.setattr(download, "urlopen", lambda *_, **__: io.BytesIO(content))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    return tmp_path / "checkpoints" / f"squeezenet1_1-{digest}.pth"


def saved(classes: int = 1000) -> bytes:
    file = io.BytesIO()
    torch.save(weights(classes), file)
    return file.getvalue()


def test_torchvision_s_weights_are_fetched_once_and_compared(monkeypatch, tmp_path):
    path = offered(monkeypatch, tmp_path, saved())

    found = of_library("squeezenet1_1")
    monkeypatch.setattr(download, "urlopen", lambda *_, **__: pytest.fail("fetched again"))
    again = of_library("squeezenet1_1")

    assert path.is_file()
    assert found.weights.keys() == again.weights.keys() == weights().keys()
    assert (found.model, found.normalisation) == ("squeezenet1_1", IMAGENET)


def test_a_file_with_another_checksum_is_refused_and_not_kept(monkeypatch, tmp_path):
    path = offered(monkeypatch, tmp_path, saved(), checksum="0123abcd")

    with pytest.raises(ModelFileError, match=r"the SHA-256 begins with .* with 0123abcd"):
        of_library("squeezenet1_1")

    assert not path.exists()


def test_a_kept_file_that_was_changed_is_refused(monkeypatch, tmp_path):
    path = offered(monkeypatch, tmp_path, saved())
    of_library("squeezenet1_1")
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ModelFileError, match="delete the file and fetch it again"):
        of_library("squeezenet1_1")


def test_without_a_network_a_sentence_says_to_name_a_file(monkeypatch, tmp_path):
    path = offered(monkeypatch, tmp_path, saved())

    def fails(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr(download, "urlopen", fails)
    with pytest.raises(DownloadError, match=r"not known\); .*--set model.pretrained=FILE"):
        of_library("squeezenet1_1")

    assert list(path.parent.iterdir()) == []


def test_a_file_known_by_torchvision_s_name_is_of_that_network(monkeypatch, tmp_path):
    content = saved()
    path = offered(monkeypatch, tmp_path, content)
    (tmp_path / path.name).write_bytes(content)

    found = from_file(tmp_path / path.name)

    assert (found.model, found.normalisation) == ("squeezenet1_1", IMAGENET)


def test_networks_that_nobody_offers_weights_of_are_refused():
    with pytest.raises(RecipeError, match="nobody offers weights of digit-net"):
        of_library("digit-net")


def test_a_version_that_torchvision_has_not_is_refused():
    with pytest.raises(RecipeError, match=r"no weights 'V9' of resnet50; choose one of IMAGENET"):
        of_library("resnet50", version="V9")


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_two_networks_see_pixels_from_minus_one_to_one(monkeypatch, name):
    """torchvision's weights of these expect that; its own networks convert inside."""
    monkeypatch.setattr(pretrained, "fetched", lambda url, folder: url)
    monkeypatch.setattr(pretrained, "_pickled", lambda path: weights())

    assert of_library(name).normalisation == {"mean": [0.5] * 3, "std": [0.5] * 3}


def test_older_names_of_densenet_are_today_s(tmp_path):
    """The last piece of each layer's name had a dot before its number."""
    with torch.device("meta"):
        model = registry.build("densenet121", 5, in_channels=3, input_hw=(32, 32))
    name = "features.denseblock1.denselayer1.norm1.weight"
    torch.save({name.replace("norm1", "norm.1"): torch.ones(64)}, tmp_path / "old.pth")

    assert list(from_file(tmp_path / "old.pth").weights) == [name]
    assert name in model.state_dict()


@pytest.mark.shared
def test_the_compressed_squeezenet_is_a_source_with_its_own_normalisation(shared_data):
    found = from_file(shared_data / "weights/squeezenet_v1.0_deep_compression.net")
    model = registry.build("squeezenet", 5, in_channels=3, input_hw=(32, 32))

    loaded = put_into(model, found)

    assert found.model == "squeezenet"
    assert found.normalisation["mean"] == pytest.approx([123 / 255, 117 / 255, 104 / 255])
    assert loaded.missing == ["conv10.weight", "conv10.bias"]
