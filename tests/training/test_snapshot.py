from __future__ import annotations

import hashlib
import io
import pickle
import resource
import signal
import zipfile
from contextlib import contextmanager
from threading import Event

import pytest
import torch
from torch import nn

from akitsu.errors import OutputError, TrainingError
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import (
    SEAL,
    load_snapshot,
    resume,
    save_snapshot,
    snapshots,
    state_of,
)


class Bomb:
    """A pickle that makes a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def sealed(content: bytes) -> bytes:
    """What a stranger can write as well: the seal finds accidents, not intent."""
    return content + SEAL + hashlib.sha256(content).hexdigest().encode()


def torch_file(document) -> bytes:
    buffer = io.BytesIO()
    torch.save(document, buffer)
    return buffer.getvalue()


def empty_archive() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


HOSTILE = {
    "no seal": torch_file({"trainer": {}, "random": {}}),
    "empty": b"",
    "a seal and nothing else": sealed(b""),
    "text": sealed(b"once upon a time"),
    "empty archive": sealed(empty_archive()),
    "other content": sealed(torch_file([1, 2])),
    "other keys": sealed(torch_file({"model": {}})),
    "a whole module": sealed(torch_file(nn.Linear(1, 1))),
}


@pytest.fixture
def saved(trainer, tmp_path):
    """Snapshots of iterations 1 and 2 in a folder."""
    ours = trainer(stop=(2, "iteration"))
    ours.extend(Snapshot(), trigger=(1, "iteration"))
    ours.run()
    return tmp_path / "snapshots"


def damage(path, *, at: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.5, 0.8, 0.999, 1.0])
def test_one_flipped_bit_is_found_and_the_snapshot_before_it_used(trainer, saved, at):
    damage(saved / "2.pt", at=at)
    warnings: list[str] = []

    assert resume(trainer(), saved, warn=warnings.append) == 1

    assert len(warnings) == 1
    assert "2.pt: this snapshot is torn: its bytes do not give its SHA-256" in warnings[0]
    assert warnings[0].endswith("The snapshot before it is used.")


@pytest.mark.parametrize("length", [0, 10, 1000, -1])
def test_a_snapshot_that_was_cut_off_is_passed_over(trainer, saved, length):
    (saved / "2.pt").write_bytes((saved / "2.pt").read_bytes()[:length])

    with pytest.warns(UserWarning, match=r"2\.pt: this snapshot is torn"):
        iteration = resume(trainer(), saved)

    assert iteration == 1


def test_a_run_whose_snapshots_are_all_broken_does_not_silently_begin_anew(trainer, saved):
    for path in snapshots(saved):
        damage(path, at=0.5)

    with pytest.raises(TrainingError, match="no snapshot is whole; delete this folder to begin"):
        resume(trainer(), saved, warn=lambda sentence: None)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_snapshot_is_named_and_explained(tmp_path, content):
    path = tmp_path / "7.pt"
    path.write_bytes(content)

    with pytest.raises(TrainingError, match=r"7\.pt: this (snapshot is torn|is not a snapshot)"):
        load_snapshot(path)


@pytest.mark.parametrize("form", ["zip", "bare pickle"])
def test_a_snapshot_that_is_code_is_not_run(tmp_path, form):
    document = {"trainer": Bomb(tmp_path / "harm"), "random": {}}
    content = torch_file(document) if form == "zip" else pickle.dumps(document)
    path = tmp_path / "7.pt"
    path.write_bytes(sealed(content))

    with pytest.raises(TrainingError, match=r"7\.pt: this is not a snapshot of tensors and plain"):
        load_snapshot(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("state", [{}, {"updater": 3}, {"updater": {}, "extensions": [1]}])
def test_a_snapshot_of_nonsense_is_a_sentence(trainer, tmp_path, state):
    path = tmp_path / "7.pt"
    path.write_bytes(sealed(torch_file({"trainer": state, "random": {}})))

    with pytest.raises(TrainingError, match=r"7\.pt: this snapshot is of another run"):
        resume(trainer(), tmp_path)


def test_a_snapshot_of_another_model_is_a_sentence(trainer, saved):
    other = trainer(model=nn.Sequential(nn.Linear(6, 3)))

    with pytest.raises(TrainingError, match=r"another run .*choose another --out"):
        resume(other, saved)


def test_only_the_newest_two_stay(trainer, tmp_path):
    ours = trainer(stop=(12, "iteration"))
    ours.extend(Snapshot(), trigger=(1, "iteration"))

    ours.run()

    assert [path.name for path in snapshots(tmp_path / "snapshots")] == ["12.pt", "11.pt"]


def test_without_snapshots_a_run_begins_at_the_beginning(trainer, tmp_path):
    ours = trainer()

    assert resume(ours, tmp_path / "snapshots") is None
    assert ours.updater.iteration == 0


def test_what_a_killed_run_left_half_written_is_cleared_away(trainer, saved):
    (saved / ".x7k2.pt").write_bytes(b"half")
    (saved / "notes.pt").write_bytes(b"somebody's")

    assert resume(trainer(), saved) == 2

    assert sorted(path.name for path in saved.iterdir()) == ["1.pt", "2.pt", "notes.pt"]


def test_a_snapshot_is_read_by_torch_itself_despite_its_seal(trainer, tmp_path):
    path = save_snapshot(trainer(), tmp_path)

    state = torch.load(path, weights_only=True)

    assert state["trainer"]["updater"]["iteration"] == 0


def test_a_state_is_what_it_was_however_the_run_goes_on(trainer):
    ours = trainer()
    ours.updater.update()
    state = state_of(ours)
    before = {name: tensor.clone() for name, tensor in weights_in(state).items()}

    ours.updater.update()

    assert weights_in(state)["0.weight"].equal(before["0.weight"])
    assert not ours.updater.model[0].weight.equal(before["0.weight"])


def test_the_memory_of_an_earlier_state_is_used_again(trainer):
    ours = trainer()
    ours.updater.update()
    first = state_of(ours)
    place = weights_in(first)["0.weight"].data_ptr()
    ours.updater.update()

    second = state_of(ours, into=first)

    assert weights_in(second)["0.weight"].data_ptr() == place
    assert weights_in(second)["0.weight"].equal(ours.updater.model[0].weight)


def weights_in(state):
    return state["trainer"]["updater"]["model"]


def test_the_loop_goes_on_while_a_snapshot_is_written(trainer, tmp_path, monkeypatch):
    """The thread waits here for an iteration that comes after the one that it writes."""
    gone_on, written = Event(), []

    def slow(state, folder, *, keep, rest):
        assert gone_on.wait(timeout=30)
        written.append(state["trainer"]["updater"]["iteration"])
        return folder

    monkeypatch.setattr("akitsu.training.extensions.snapshot.write_snapshot", slow)
    ours = trainer(stop=(2, "iteration"))
    ours.extend(Snapshot(), trigger=(3, "iteration"), before_training=True)
    ours.extend(lambda trainer: gone_on.set(), name="later", trigger=(1, "iteration"))

    ours.run()

    assert written == [0, 2]


def test_a_snapshot_that_could_not_be_written_ends_the_run(trainer, monkeypatch):
    def fail(state, folder, *, keep, rest):
        raise OutputError("no space left", where=folder, do="make room")

    monkeypatch.setattr("akitsu.training.extensions.snapshot.write_snapshot", fail)
    ours = trainer(stop=(10, "iteration"))
    ours.extend(Snapshot(), trigger=(2, "iteration"))

    with pytest.raises(OutputError, match="no space left; make room"):
        ours.run()

    assert 2 < ours.updater.iteration <= 4


def test_a_broken_state_is_not_kept(trainer, tmp_path):
    ours = trainer(stop=(2, "iteration"))
    ours.extend(Snapshot(), trigger=(1, "iteration"))

    def spoil(trainer):
        with torch.no_grad():
            trainer.updater.model[4].bias[0] = float("nan")

    ours.extend(spoil, trigger=(2, "iteration"))

    with pytest.raises(TrainingError, match=r"iteration 2: the weights 4.bias are no longer fin"):
        ours.run()

    assert [path.name for path in snapshots(tmp_path / "snapshots")] == ["1.pt"]


def test_a_file_that_may_grow_no_further_is_a_sentence(trainer, tmp_path):
    """As on a full disk: the system refuses the bytes. The snapshot before stays."""
    ours = trainer()
    ours.updater.update()
    save_snapshot(ours, tmp_path)
    ours.updater.update()

    with no_file_above(4096), pytest.raises(OutputError, match=r"2\.pt: .*; make room"):
        save_snapshot(ours, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["1.pt"]


@contextmanager
def no_file_above(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
