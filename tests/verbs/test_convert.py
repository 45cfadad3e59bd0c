"""What a person sees of `akitsu convert`."""

from __future__ import annotations

import json

import pytest

from akitsu.cli import run
from akitsu.data.formats.registry import read
from tests.data.formats.files import noise, write_image, write_lists, write_voc
from tests.data.formats.shard_files import labelled, written

DOG = ("dog", (5, 6, 15, 16))


@pytest.fixture
def source(tmp_path):
    write_voc(tmp_path / "voc", {name: [DOG] for name in "abc"})
    write_lists(tmp_path / "voc", train="a b", val="c", trainval="a b c")
    return tmp_path / "voc"


def test_every_picture_is_written_once(tmp_path, source, capsys):
    out = tmp_path / "shards"

    assert run(["convert", str(source), str(out), "--to", "shards"]) == 0

    assert capsys.readouterr() == (f"{out}: 2 in train, 1 in val.\n", "")
    assert {read(out, "train")[i].name for i in range(2)} == {"a.png", "b.png"}
    assert run(["doctor", str(out)]) == 0


def test_a_set_sorted_by_class_is_mixed(tmp_path):
    """An epoch mixes a few shards at a time: sorted ones would give batches of one class."""
    for number in range(20):
        write_image(tmp_path / "in" / "ab"[number // 10] / f"{number}.png", noise((4, 4)))

    run(["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--to", "shards"])

    shards = read(tmp_path / "out", "train")
    labels = [shards[number].label for number in range(len(shards))]
    assert labels != sorted(labels)


def test_json_is_one_document(tmp_path, source, capsys):
    out = tmp_path / "shards"

    run(["convert", str(source), str(out), "--to", "shards", "--split", "trainval", "--json"])

    assert json.loads(capsys.readouterr().out) == {
        "path": str(out), "to": "shards", "pictures": {"trainval": 3}, "skipped": []
    }  # fmt: skip


def test_a_broken_label_stops_it_or_is_skipped(tmp_path, source, capsys):
    (source / "Annotations/b.xml").write_text("<annotation>")
    line = ["convert", str(source), str(tmp_path / "shards"), "--to", "shards"]

    assert run(line) == 2
    assert "b.xml" in capsys.readouterr().err
    assert not (tmp_path / "shards").exists()
    assert run([*line, "--skip-broken"]) == 0

    told = capsys.readouterr()
    assert told.out.endswith("1 in train, 1 in val.\n")
    assert "left out: " in told.err
    assert "b.xml" in told.err


MISTAKES = {
    "layout": (["--to", "shard"], "--to: there is no layout 'shard' to write; write shards."),
    "far off": (["--to", "xyz"], "no layout 'xyz' to write; choose one of shards."),
    "split": (["--to", "shards", "--split", "vall"], "no split 'vall' but train, "),
    "format": (["--to", "shards", "--format", "vocs"], "no format 'vocs'; write voc."),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_a_sentence_and_nothing_is_written(tmp_path, source, capsys, kind):
    options, sentence = MISTAKES[kind]

    assert run(["convert", str(source), str(tmp_path / "out"), *options]) == 2

    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_replaced_only_when_asked(tmp_path, source, capsys):
    out = written(tmp_path / "out", labelled(3), split="old")
    line = ["convert", str(source), str(out), "--to", "shards"]

    assert run(line) == 2
    assert "not empty; add --force to replace it." in capsys.readouterr().err
    assert run([*line, "--force"]) == 0

    assert sorted(folder.name for folder in out.iterdir()) == ["train", "val"]


@pytest.mark.parametrize("place", ["voc", "."])
def test_a_set_is_never_written_over_itself(tmp_path, source, capsys, place):
    before = sorted(tmp_path.rglob("*"))
    line = ["convert", str(source), str(tmp_path / place), "--to", "shards", "--force"]

    assert run(line) == 2

    assert "the data set to read lies here; name another folder" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
