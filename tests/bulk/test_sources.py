from __future__ import annotations

import os

import fsspec
import numpy as np
import pytest

from akitsu.bulk.reference import MAX_BYTES
from akitsu.bulk.sources import identity, list_all
from akitsu.bulk.worker import _contents
from akitsu.data.sample import Sample
from akitsu.data.shards import write_shards
from akitsu.errors import DataError
from akitsu.runtime.pictures import decode_picture
from tests.bulk.scenes import parquet_of, picture, tar_of, write_folder
from tests.data.formats.files import noise
from tests.data.formats.shard_files import Listed

MASK = np.zeros((8, 9), np.uint8)
RED, BLUE = picture("red"), picture("blue")


def contents(*inputs):
    """Every picture's name with its bytes, read as a worker reads them."""
    found = list_all([str(own) for own in inputs])
    return dict(_contents(found.references, found.filesystems))


def names(*inputs):
    return [own.name for own in list_all([str(own) for own in inputs]).references]


@pytest.fixture
def memory():
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/", recursive=True)


def test_a_folder_is_searched_to_its_bottom_and_names_are_relative_to_it(tmp_path):
    write_folder(tmp_path, {"b.png": RED, "a/deep/c.JPG": BLUE, "notes.txt": b"x"})

    assert contents(tmp_path) == {"a/deep/c.JPG": BLUE, "b.png": RED}


def test_hidden_files_and_folders_are_passed_by(tmp_path):
    write_folder(tmp_path, {"a.png": RED, ".b.png": RED, ".thumbnails/a.png": RED})

    assert names(tmp_path) == ["a.png"]


def test_names_from_several_inputs_begin_with_the_input(tmp_path):
    write_folder(tmp_path, {"one/a.png": RED, "two/a.png": BLUE})
    one, two = tmp_path / "one", tmp_path / "two"

    assert contents(one, two) == {f"{one}/a.png": RED, f"{two}/a.png": BLUE}


def test_a_file_that_is_named_is_a_picture_whatever_it_is_called(tmp_path):
    write_folder(tmp_path, {"snapshot": RED})

    assert contents(tmp_path / "snapshot") == {"snapshot": RED}


def test_a_star_chooses_among_files(tmp_path):
    write_folder(tmp_path, {"day/a.png": RED, "night/a.png": BLUE})

    assert contents(f"{tmp_path}/*/a.png") == {"day/a.png": RED, "night/a.png": BLUE}


def test_two_colons_in_a_name_are_no_chain_of_filesystems(tmp_path):
    write_folder(tmp_path, {"a::b/c.png": RED})

    assert contents(tmp_path / "a::b") == {"c.png": RED}


@pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX alone")
def test_a_name_that_is_no_unicode_is_written_with_escapes(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(RED)

    assert contents(tmp_path) == {"\\xff.png": RED}


def test_addresses_are_read_as_paths_are(tmp_path, memory):
    write_folder(tmp_path, {"a/b.png": RED})
    memory.pipe("/set/a/b.png", RED)

    for address in (tmp_path.as_uri(), "memory://set", "memory://set/"):
        assert contents(address) == {"a/b.png": RED}


def test_an_archive_in_memory_is_read_by_its_members_places(memory):
    memory.pipe("/set/0.tar", tar_of({"x/1.png": RED, "2.jpg": BLUE}))

    assert contents("memory://set") == {"0.tar/x/1.png": RED, "0.tar/2.jpg": BLUE}


def test_labels_in_a_shard_are_no_pictures(tmp_path):
    record = {"0.jpg": RED, "0.mask.png": BLUE, "0.cls": b"3", "0.json": b"{}", ".x.png": RED}
    (tmp_path / "shard-000000.tar").write_bytes(tar_of(record))

    assert contents(tmp_path) == {"shard-000000.tar/0.jpg": RED}


def test_shards_that_akitsu_wrote_give_their_pictures_in_their_order(tmp_path):
    samples = [Sample(noise((8, 9), seed=n), f"{n}.png", mask=MASK) for n in range(5)]
    write_shards(Listed(samples), tmp_path / "train")

    found = contents(tmp_path)

    assert len(found) == len(samples)
    for content, sample in zip(found.values(), samples, strict=True):
        np.testing.assert_array_equal(decode_picture(content, where=""), sample.image)


@pytest.mark.parametrize("column", ["image", "bytes", "whatever"])
def test_rows_of_parquet_are_named_by_their_column(tmp_path, column):
    table = parquet_of({"name": ["x", "y"], column: [RED, BLUE], "label": [1, 2]})
    (tmp_path / "a.parquet").write_bytes(table)

    assert contents(tmp_path / "a.parquet") == {"x": RED, "y": BLUE}


def test_pictures_in_structs_are_found_as_hugging_face_writes_them(tmp_path):
    images = [{"bytes": RED, "path": "x.png"}, {"bytes": BLUE, "path": None}, None]
    (tmp_path / "a.parquet").write_bytes(parquet_of({"image": images, "label": [1, 2, 3]}))

    assert contents(tmp_path) == {"x.png": RED, "a.parquet#1": BLUE, "a.parquet#2": b""}


@pytest.mark.parametrize("chosen", [slice(0, 3), slice(7, 8), slice(18, 45), slice(49, 50)])
def test_rows_are_read_from_the_row_groups_that_hold_them(tmp_path, chosen):
    """50 rows in groups of 20: some choices lie in one group, some in three."""
    cells = [bytes([number]) for number in range(50)]
    (tmp_path / "a.parquet").write_bytes(parquet_of({"image": cells}, row_group_size=20))
    found = list_all([str(tmp_path)])

    pairs = _contents(found.references[chosen], found.filesystems)

    assert [content for _, content in pairs] == cells[chosen]


def test_a_row_that_has_to_be_left_out_does_not_move_the_others(tmp_path):
    cells = [bytes([number]) for number in range(50)]
    (tmp_path / "a.parquet").write_bytes(parquet_of({"image": cells}, row_group_size=20))
    found = list_all([str(tmp_path)])

    pairs = _contents([found.references[at] for at in (3, 19, 41)], found.filesystems)

    assert [content for _, content in pairs] == [b"\x03", b"\x13", b"\x29"]


TORN = tar_of({"a.png": RED, "b.png": RED})[:1100]
HOSTILE = {
    "torn archive": ("a.tar", TORN, "not an uncompressed tar archive, or a torn one"),
    "gzip": ("a.tar", tar_of({"a.png": RED}, mode="w:gz"), "not an uncompressed tar archive"),
    "noise as tar": ("a.tar", bytes(range(256)) * 8, "not an uncompressed tar archive"),
    "empty tar": ("a.tar", b"", "not an uncompressed tar archive"),
    "text as Parquet": ("a.parquet", b"name,image", "not a Parquet file, or a broken one"),
    "empty Parquet": ("a.parquet", b"", "not a Parquet file, or a broken one"),
    "torn Parquet": ("a.parquet", parquet_of({"image": [RED]})[:-9], "not a Parquet file"),
    "no pictures": ("a.parquet", parquet_of({"name": ["a"]}), "and there is none"),
    "two columns": ("a.parquet", parquet_of({"x": [RED], "y": [RED]}), "and there is x, y"),
    "two of a name": (
        "a.parquet",
        parquet_of({"name": ["a", "a"], "image": [RED, RED]}),
        "2 pictures are called this",
    ),
}


@pytest.mark.parametrize(("name", "content", "told"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_of_pictures_is_named_and_explained(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError) as caught:
        list_all([str(tmp_path)])

    assert told in str(caught.value)
    assert str(caught.value).startswith("a")


def outcome(path):
    """The names that were found, or the sentence that says why there are none."""
    try:
        return sorted(contents(path))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("at", range(0, 512, 37))
def test_a_damaged_header_of_an_archive_is_a_sentence(tmp_path, at):
    """The checksum of a header covers all of it (POSIX.1-2017, pax, "ustar Interchange Format")."""
    content = bytearray(tar_of({"a.png": RED}))
    content[at] ^= 0xFF
    (tmp_path / "a.tar").write_bytes(content)

    assert str(outcome(tmp_path)).startswith("a.tar: not an uncompressed tar archive, or a torn")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_parquet_file_is_a_sentence_or_rows(tmp_path, seed):
    """A flipped bit in a picture is found when it is decoded, not before."""
    content = bytearray(parquet_of({"name": ["a", "b"], "image": [RED, BLUE]}))
    content[int(np.random.default_rng(seed).integers(len(content)))] ^= 0xFF
    (tmp_path / "a.parquet").write_bytes(content)

    found = outcome(tmp_path)

    assert len(found) == 2 if isinstance(found, list) else found.startswith("a.parquet: ")


def test_an_archive_that_was_cut_after_the_listing_gives_errors_and_no_crash(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(parquet_of({"name": ["a", "b"], "image": [RED, BLUE]}))
    found = list_all([str(path)])
    path.write_bytes(b"PAR1")

    pairs = dict(_contents(found.references, found.filesystems))

    assert [str(pairs[name]).partition(" (")[0] for name in "ab"] == [
        "a: cannot be read",
        "b: cannot be read",
    ]


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    error = contents(tmp_path)["a.png"]

    assert str(error).startswith("a.png: 268,435,457 bytes where a picture has at most")


MISSING = {
    "a path": ("nowhere/at/all", "nowhere/at/all: there is no such file or folder; check the path"),
    "an address": ("memory://nowhere", "memory://nowhere: there is no such file or folder"),
    "an unknown kind": ("gopher3://x/y", "gopher3://x/y: cannot be listed (Protocol not known"),
}


@pytest.mark.parametrize(("given", "told"), MISSING.values(), ids=MISSING)
def test_what_cannot_be_listed_is_a_sentence(given, told):
    with pytest.raises(DataError) as caught:
        list_all([given])

    assert str(caught.value).startswith(told)


def test_a_folder_without_pictures_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="there are no pictures here"):
        list_all([str(tmp_path)])


def test_secrets_in_an_address_are_neither_told_nor_remembered():
    with pytest.raises(DataError) as caught:
        list_all(["gopher3://user:hush@host/x"])

    assert "hush" not in str(caught.value) + identity("s3://user:hush@bucket/x")


def test_only_what_lies_outside_this_process_can_be_shared(tmp_path, memory):
    write_folder(tmp_path, {"a.png": RED})
    memory.pipe("/set/a.png", RED)

    assert list_all([str(tmp_path)]).is_shareable
    assert not list_all([str(tmp_path), "memory://set"]).is_shareable
