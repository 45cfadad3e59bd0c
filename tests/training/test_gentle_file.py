"""The file that a snapshot is written to beside the training."""

from __future__ import annotations

import hashlib
import io
import zipfile

import torch

from akitsu.training.gentle_file import PIECE, GentleFile
from akitsu.training.snapshot import load_snapshot, write_snapshot


def test_all_is_written_in_pieces_with_a_rest_after_each():
    content = bytes(range(256)) * (PIECE // 256) * 2 + b"end"
    worked_s, target = [], io.BytesIO()
    file = GentleFile(target, rest=worked_s.append)

    assert file.write(content) == len(content)

    assert target.getvalue() == content
    assert file.digest.digest() == hashlib.sha256(content).digest()
    assert len(worked_s) == 3
    assert min(worked_s) >= 0


def state_with(tensor):
    return {"trainer": {"updater": {"iteration": 3, "model": {"w": tensor}}}, "random": {}}


def test_a_snapshot_written_with_rests_is_the_same_file(tmp_path):
    tensor = torch.arange(400_000.0)
    rests = []

    quick = write_snapshot(state_with(tensor), tmp_path / "quick")
    gentle = write_snapshot(state_with(tensor), tmp_path / "gentle", rest=rests.append)

    assert quick.read_bytes() == gentle.read_bytes()
    assert len(rests) > 3
    assert load_snapshot(gentle)["trainer"]["updater"]["model"]["w"].equal(tensor)


def test_other_files_keep_their_checksums(tmp_path):
    write_snapshot(state_with(torch.ones(3)), tmp_path)

    torch.save({"a": torch.ones(1000)}, tmp_path / "other.pt")

    assert zipfile.ZipFile(tmp_path / "other.pt").testzip() is None
