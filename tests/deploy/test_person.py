"""The person finder: fetched once, compared with its checksums, and kept as a model file."""

from __future__ import annotations

import hashlib
import io
from urllib.error import URLError

import numpy as np
import pytest

from akitsu.cli import run
from akitsu.deploy import person
from akitsu.deploy.person import person_model
from akitsu.errors import ModelFileError
from akitsu.runtime.pictures import write_picture
from akitsu.runtime.recognizer import Recognizer
from akitsu.weights import download
from akitsu.weights.darknet_weights import Header, write_weights
from tests.models.detection.darknet_nets import NET, network

TEXT = f"""{NET}
[convolutional]
filters=6
size=8
stride=8
activation=linear
[yolo]
mask=0
anchors=8,16
classes=1
"""


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """A small network at the place of the real one; returns the addresses that were asked."""
    write_weights(tmp_path / "w", network(TEXT), Header())
    contents = {person.CFG: TEXT.encode(), person.WEIGHTS: (tmp_path / "w").read_bytes()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    asked = []

    def answer(request, **_):
        asked.append(request.full_url)
        return io.BytesIO(contents[request.full_url.rpartition("/")[2]])

    monkeypatch.setattr(person, "CHECKSUMS", digests)
    monkeypatch.setattr(download, "urlopen", answer)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return asked


def test_it_is_fetched_once(offered):
    first, second = person_model(), person_model()

    assert first == second
    assert [address.rpartition("/")[2] for address in offered] == [person.CFG, person.WEIGHTS]
    card = Recognizer(first).card
    assert (card.classes, card.task) == (("person",), "detection")
    assert card.licence.startswith("public domain")


def test_another_file_than_the_right_one_is_refused_and_not_kept(offered, monkeypatch, tmp_path):
    monkeypatch.setitem(person.CHECKSUMS, person.WEIGHTS, "0" * 64)

    with pytest.raises(ModelFileError, match=r"that of the right file with 00000000"):
        person_model()

    assert [path.name for path in (tmp_path / "cache/akitsu").iterdir()] == [person.CFG]


def test_without_a_network_it_is_said_where_the_files_may_be_put(offered, monkeypatch, tmp_path):
    def fails(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr(download, "urlopen", fails)

    with pytest.raises(ModelFileError, match=r"elsewhere and put both into .*cache/akitsu\.$"):
        person_model()


def test_watch_takes_the_word_person(offered, tmp_path, monkeypatch, capfd):
    pictures = tmp_path / "pictures"
    write_picture(pictures / "a.png", np.zeros((40, 60, 3), np.uint8))

    assert run(["watch", "person", "--source", str(pictures), "--headless"]) == 0

    assert capfd.readouterr().out.startswith("frame 0")
    # A folder or file of that name is what it was before.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person").mkdir()
    assert run(["watch", "person", "--source", str(pictures), "--headless"]) == 2
