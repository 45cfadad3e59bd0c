"""Pictures listed in a table: found by its header, matched by name, every fault with its line."""

from __future__ import annotations

import pytest

from akitsu.data.formats.registry import ReaderOptions, find_reader, read
from akitsu.errors import DataError, FaultsError
from tests.data.formats.files import noise, write_image

HEADER = "file,index,class"


def write_set(folder, *lines, header=HEADER, pictures=("a.png", "b.png"), into="images"):
    for seed, name in enumerate(pictures):
        write_image(folder / into / name, noise(seed=seed))
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def test_a_table_is_found_by_looking_and_read_in_its_order(tmp_path):
    write_set(tmp_path, "b.png,1,dog", "a.png,0,cat")

    dataset = read(tmp_path, "all")

    assert find_reader(tmp_path).name == find_reader(tmp_path / "labels.csv").name == "labels-csv"
    assert dataset.classes == ["cat", "dog"]
    assert [(dataset[i].name, dataset[i].label) for i in (0, 1)] == [("b.png", 1), ("a.png", 0)]
    assert (dataset[1].image == noise(seed=0)).all()


@pytest.mark.parametrize("into", ["", "images", "images/deep"])
def test_pictures_lie_beside_the_table_or_in_images(tmp_path, into):
    name = f"{into.removeprefix('images').lstrip('/')}/a.png".lstrip("/")
    write_set(tmp_path, f"{name},0,cat", pictures=["a.png"], into=into)

    assert len(read(tmp_path, "all")) == 1


@pytest.mark.parametrize("header", ["File,wnid,NAME", "filename,x,label", "path,x,category"])
def test_the_usual_names_of_the_columns_are_known(tmp_path, header):
    write_set(tmp_path, "a.png,0,cat", header=header)

    assert read(tmp_path, "all").classes == ["cat"]


def test_a_subset_of_given_classes_is_matched_by_name_whatever_its_spelling(tmp_path):
    write_set(tmp_path, "a.png,0,Great_White_shark", "b.png,0,tench")
    given = ("tench", "goldfish", "great white shark")

    dataset = read(tmp_path, "all", options=ReaderOptions(classes=given))

    assert dataset.classes == list(given)
    assert [dataset[i].label for i in (0, 1)] == [2, 0]


def test_two_classes_that_differ_by_an_underscore_stay_two(tmp_path):
    write_set(tmp_path, "a.png,0,sea_lion", "b.png,0,sea lion")

    dataset = read(tmp_path, "all")

    assert [dataset.classes[dataset[i].label] for i in (0, 1)] == ["sea_lion", "sea lion"]


def test_a_column_of_splits_is_obeyed_and_without_one_every_eighth_is_for_validation(tmp_path):
    lines = [f"a.png,0,c{i},{part}" for i, part in enumerate(["train", "test", "train"])]
    write_set(tmp_path, *lines, header=f"{HEADER},split")
    assert find_reader(tmp_path).splits(tmp_path) == ["test", "train"]
    assert len(read(tmp_path, "train")) == 2

    write_set(tmp_path, *[f"a.png,0,c{i}" for i in range(8)])
    assert len(read(tmp_path, "val")) == 1
    assert len(read(tmp_path, "all")) == 8


WRONG = {
    "unknown class": ("a.png,0,catt", r"labels\.csv:2: class 'catt' is none of the 2; write cat\."),
    "no such picture": ("c.png,0,cat", r"labels\.csv:2: there is no picture 'c\.png' here or in"),
    "out of the folder": ("../a.png,0,cat", r"labels\.csv:2: '\.\./a\.png' leads out of the"),
    "absolute": ("/etc/passwd,0,cat", r"labels\.csv:2: '/etc/passwd' leads out of the set"),
}


@pytest.mark.parametrize(("line", "sentence"), WRONG.values(), ids=WRONG)
def test_a_faulty_line_is_named_with_what_to_do(tmp_path, line, sentence):
    write_set(tmp_path, line, "b.png,0,dog")
    options = ReaderOptions(classes=("cat", "dog"))

    with pytest.raises(FaultsError, match=sentence):
        read(tmp_path, "all", options=options)
    skipping = ReaderOptions(classes=("cat", "dog"), skip_broken=True)
    assert len(read(tmp_path, "all", options=skipping)) == 1


HOSTILE = {
    "empty": (b"", "the header has the columns none, and a column 'file' is wanted"),
    "no classes": (b"file,size\na.png,3\n", "and a column 'class' is wanted"),
    "latin-1": ("file,class\na.png,Möwe\n".encode("latin-1"), "not UTF-8 text; save it as UTF-8"),
    "zero bytes": (b"file,class\n\0\0,\0\n", "labels.csv"),
    "a cell too many": (b"file,class\na.png,cat,2\n", "labels.csv:2: 3 cells where the header has"),
    "a cell of megabytes": (b"file,class\na.png," + b"x" * 2**18, "no table (field larger than"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_table_is_named_and_explained(tmp_path, content, reason):
    (tmp_path / "labels.csv").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read(tmp_path, "all", format="labels-csv")

    assert reason in str(caught.value)
    assert "labels.csv" in str(caught.value)


def test_the_doctor_lists_a_double_line_and_an_empty_class(tmp_path):
    write_set(tmp_path, "a.png,0,cat", "a.png,0,cat")
    options = ReaderOptions(classes=("cat", "dog"))

    found = find_reader(tmp_path).examine(tmp_path, "all", options)

    assert [finding.code for finding in found] == ["pair-double", "pair-double", "cls-empty"]


@pytest.mark.shared
def test_the_hundred_pictures_of_imagenet_map_onto_torchvisions_names(shared_data):
    from akitsu.weights.imagenet import imagenet_classes

    path = shared_data / "imagenet100"
    dataset = read(path, "all", options=ReaderOptions(classes=imagenet_classes()))

    assert [entry.label for entry in dataset.entries] == list(range(0, 1000, 10))
