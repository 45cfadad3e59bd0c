"""Everything that the engine `local` can show; test_ray.py holds the other engine to it."""

from __future__ import annotations

import signal
import subprocess
import sys

import fsspec
import numpy as np
import pytest

from akitsu.bulk import output as bulk_output
from akitsu.bulk.predict import predict_table
from akitsu.bulk.rows import read_rows
from akitsu.bulk.worker import Settings
from akitsu.errors import AkitsuError, DataError, OutputError
from akitsu.runtime.pictures import decode_mask, decode_picture
from akitsu.runtime.recognizer import Recognizer
from tests.bulk.scenes import (
    BROKEN,
    COLOURS,
    TASKS,
    parquet_of,
    picture,
    sound,
    tar_of,
    write_folder,
)
from tests.runtime import onnx_files

CONTENTS = sound(20)
MASKS = Settings(masks=True)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "pictures", CONTENTS)


@pytest.fixture
def run(models, folder, tmp_path):
    """Run with parts of six pictures, so that twenty make four."""

    def run(task="classification", *, inputs=(), output="out.parquet", **options):
        inputs = [str(own) for own in inputs or [folder]]
        options = {"part_size": 6, **options}
        return predict_table(models[task], inputs, tmp_path / output, **options)

    return run


def stamps(path):
    """What is in a folder, and whether it was touched."""
    return {own.name: (own.stat().st_ino, own.stat().st_mtime_ns) for own in path.iterdir()}


def parts(path):
    return sorted(own.name for own in path.glob("*.parquet"))


@pytest.mark.parametrize("task", TASKS)
def test_each_row_says_what_the_recognizer_says_of_that_picture(run, models, task):
    rows = read_rows(run(task).path).to_pylist()

    recognizer = Recognizer(models[task])
    assert [row["name"] for row in rows] == [*CONTENTS]
    for row in rows:
        result = recognizer(decode_picture(CONTENTS[row["name"]], where=""))
        if task == "classification":
            assert (row["class"], row["score"]) == (result.name, np.float32(result.score))
        elif task == "detection":
            assert [own["class"] for own in row["objects"]] == ["red", "green", "blue"]
            assert [own["box"] for own in row["objects"]] == result.boxes.tolist()
        else:
            shares = {own["class"]: own["share"] for own in row["shares"]}
            assert shares == {
                own: float(own == COLOURS[int(row["name"][:3]) % 3]) for own in COLOURS
            }


def test_masks_are_kept_when_asked_for(run):
    bare, kept = run("segmentation"), run("segmentation", output="m.parquet", settings=MASKS)

    assert set(read_rows(bare.path)["mask"].to_pylist()) == {None}
    for row in read_rows(kept.path).to_pylist():
        mask = decode_mask(row["mask"], where="")
        assert (mask == int(row["name"][:3]) % 3).all()
        assert mask.shape == (20, 24)


def test_detections_below_the_threshold_are_left_out(run):
    rows = read_rows(run("detection", settings=Settings(score_threshold=0.65)).path)

    assert {len(objects) for objects in rows["objects"].to_pylist()} == {2}


def test_the_same_pictures_give_the_same_rows_wherever_they_lie(run, tmp_path):
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe({f"/set/{name}": content for name, content in CONTENTS.items()})
    (tmp_path / "a.tar").write_bytes(tar_of(CONTENTS))
    columns = {"name": [*CONTENTS], "image": [*CONTENTS.values()]}
    (tmp_path / "a.parquet").write_bytes(parquet_of(columns, row_group_size=7))
    wanted = read_rows(run().path)

    for number, place in enumerate(["memory://set", "a.tar", "a.parquet"]):
        given = place if "://" in place else tmp_path / place
        found = read_rows(run(inputs=[given], output=f"{number}.parquet").path)

        bare = [own.removeprefix("a.tar/") for own in found["name"].to_pylist()]
        assert bare == wanted["name"].to_pylist()
        assert found.drop("name").equals(wanted.drop("name"))
    filesystem.rm("/set", recursive=True)


def test_broken_pictures_are_rows_with_their_error(run, folder):
    write_folder(folder, {name: content for name, (content, _) in BROKEN.items()})

    summary = run()

    assert (summary.pictures, summary.broken) == (23, 3)
    errors = {row["name"]: row["error"] for row in read_rows(summary.path).to_pylist()}
    assert all(errors[name] is None for name in CONTENTS)
    for name, (_, told) in BROKEN.items():
        assert errors[name].startswith(f"{name}: {told}")


def test_where_every_picture_is_broken_the_table_is_written_and_the_run_fails(run, tmp_path):
    place = write_folder(tmp_path / "bad", {name: content for name, (content, _) in BROKEN.items()})

    with pytest.raises(DataError, match=r"all 3 pictures are broken, the first one like this: cut"):
        run(inputs=[place])

    assert len(read_rows(tmp_path / "out.parquet")) == 3


def test_large_pictures_are_not_gathered_into_large_batches(run, folder, monkeypatch):
    """64 megapixels in a batch would be memory for nothing; the rows stay the same."""
    wanted = read_rows(run().path)
    sizes = []
    batch = Recognizer.batch

    def counted(self, frames, **options):
        sizes.append(len(frames))
        return batch(self, frames, **options)

    monkeypatch.setattr(Recognizer, "batch", counted)
    monkeypatch.setattr("akitsu.bulk.worker.BATCH_PIXELS", 2 * 20 * 24)

    found = read_rows(run(output="other.parquet").path)

    assert max(sizes) == 2
    assert found.equals(wanted)


def test_a_graph_that_fails_is_no_fault_of_the_pictures(run, models, tmp_path):
    card = onnx_files.card("classification", classes=("red", "green"))
    model = onnx_files.write(tmp_path / "bad.onnx", card)

    with pytest.raises(AkitsuError, match="the model answers with 3 classes"):
        predict_table(model, [str(tmp_path / "pictures")], tmp_path / "out.parquet")


def test_a_finished_table_is_left_as_it_is(run):
    path = run().path
    before = stamps(path)

    again = run()

    assert again.was_finished
    assert again.skipped == again.pictures == 20
    assert stamps(path) == before


def test_force_makes_a_finished_table_anew(run):
    path = run().path
    before = stamps(path)

    again = run(force=True)

    assert again.skipped == 0
    assert all(before[name] != own for name, own in stamps(path).items())


KILLED = """
import os, signal, sys
from pathlib import Path
from akitsu.bulk.predict import predict_table

def die(done, total):
    if done >= 12:
        os.kill(os.getpid(), signal.SIGKILL)

predict_table(Path(sys.argv[1]), [sys.argv[2]], Path(sys.argv[3]), part_size=6, progress=die)
"""

KILLED_IN_A_PART = """
import os, signal, sys
from pathlib import Path
from akitsu.bulk import output
from akitsu.bulk.predict import predict_table

def die(rows, path):
    Path(path).write_bytes(b"PAR1")
    os.kill(os.getpid(), signal.SIGKILL)

class Parquet:
    write_table = staticmethod(die)

output.pq = Parquet
predict_table(Path(sys.argv[1]), [sys.argv[2]], Path(sys.argv[3]), part_size=6)
"""


def kill(program, *words):
    ended = subprocess.run([sys.executable, "-c", program, *map(str, words)], check=False)
    assert ended.returncode == -signal.SIGKILL


def test_a_killed_run_goes_on_where_it_was_and_ends_with_the_same_files(
    run, models, folder, tmp_path
):
    whole = run(output="whole.parquet").path
    kill(KILLED, models["classification"], folder, tmp_path / "out.parquet")
    before = stamps(tmp_path / "out.parquet")

    summary = run()

    after = stamps(summary.path)
    assert parts(summary.path) == parts(whole)
    assert summary.skipped == 12
    assert {name: after[name] for name in before} == before
    for name in parts(whole):
        assert (summary.path / name).read_bytes() == (whole / name).read_bytes()


def test_a_part_that_was_being_written_leaves_nothing_behind(run, models, folder, tmp_path):
    kill(KILLED_IN_A_PART, models["classification"], folder, tmp_path / "out.parquet")
    assert [own.suffix for own in (tmp_path / "out.parquet").glob(".*")] == [".parquet"]

    path = run().path

    assert not list(path.glob(".*"))
    assert len(read_rows(path)) == 20


def test_pictures_that_came_later_get_their_rows_and_the_others_keep_theirs(run, folder):
    path = run().path
    before = stamps(path)
    write_folder(folder, {"0000.png": picture("red"), "zzz.png": picture("blue")})

    summary = run()

    after = stamps(path)
    names = read_rows(path)["name"].to_pylist()
    assert names == sorted([*CONTENTS, "0000.png", "zzz.png"])
    assert {name: after[name] for name in before} == before
    assert summary.skipped == 20


def test_errors_are_retried_only_when_asked(run, folder):
    bad = {name: content for name, (content, _) in BROKEN.items()}
    write_folder(folder, bad)
    path = run(part_size=4).path
    write_folder(folder, dict.fromkeys(bad, picture("green")))
    before = read_rows(path)

    assert run(part_size=4).was_finished
    assert read_rows(path).equals(before)

    summary = run(part_size=4, retry_errors=True)

    assert (summary.pictures, summary.broken, summary.skipped) == (23, 0, 20)
    assert read_rows(path)["name"].to_pylist() == sorted([*CONTENTS, *bad])
    assert parts(path) == [f"part-{number:06d}.parquet" for number in range(6)]


OTHERS = {
    "model": ({"task": "detection"}, "model file"),
    "threshold": ({"settings": Settings(score_threshold=0.5)}, "--score-threshold"),
    "masks": ({"settings": MASKS}, "--masks"),
}


@pytest.mark.parametrize(("options", "told"), OTHERS.values(), ids=OTHERS)
def test_rows_made_otherwise_do_not_come_into_one_table(run, options, told):
    before = stamps(run().path)

    with pytest.raises(OutputError, match=f"was made with another {told}; choose another --out"):
        run(**options)

    assert stamps(run().path) == before


def test_rows_of_other_pictures_do_not_come_into_one_table(run, tmp_path):
    run()
    other = write_folder(tmp_path / "other", CONTENTS)

    with pytest.raises(OutputError, match="was made with another choice of pictures"):
        run(inputs=[other])


def test_rows_of_another_akitsu_do_not_come_into_one_table(run, monkeypatch):
    run()
    monkeypatch.setattr(bulk_output, "__version__", "99.0")

    with pytest.raises(OutputError, match="was made with another version of akitsu"):
        run()


@pytest.mark.parametrize("content", ["", "[]", '{"settings": 3}', "\x00"])
def test_a_broken_description_of_a_table_is_a_sentence(run, content):
    path = run().path
    (path / "_akitsu.json").write_text(content)

    with pytest.raises(OutputError, match=r"out\.parquet"):
        run()


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_table_of_predictions_is_never_written_over(run, tmp_path, force):
    place = tmp_path / "out.parquet"
    place.mkdir()
    (place / "precious.txt").write_text("mine")
    (tmp_path / "file.parquet").write_text("mine")

    for output in ("out.parquet", "file.parquet"):
        with pytest.raises(OutputError, match="no table of akitsu predict; choose another"):
            run(output=output, force=force)

    assert [own.name for own in place.iterdir()] == ["precious.txt"]
    assert (tmp_path / "file.parquet").read_text() == "mine"


def test_an_input_that_is_not_there_leaves_no_output(run, tmp_path):
    with pytest.raises(DataError, match="there is no such file or folder"):
        run(inputs=["nowhere"])

    assert not (tmp_path / "out.parquet").exists()


def test_what_is_in_memory_cannot_go_to_other_processes(run):
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/set/a.png", picture("red"))

    with pytest.raises(DataError, match="other processes cannot read"):
        run(inputs=["memory://set"], engine="ray")

    filesystem.rm("/set", recursive=True)


def test_progress_ends_with_every_picture(run):
    seen = []

    run(progress=lambda done, total: seen.append((done, total)))

    assert seen == [(0, 20), (6, 20), (12, 20), (18, 20), (20, 20)]


def test_no_torch_is_loaded(models, folder, tmp_path):
    program = (
        "import sys; from pathlib import Path; from akitsu.bulk.predict import predict_table;"
        "predict_table(Path(sys.argv[1]), [sys.argv[2]], Path(sys.argv[3]));"
        "sys.exit('torch' in sys.modules or 'ray' in sys.modules)"
    )
    words = [models["detection"], folder, tmp_path / "out.parquet"]

    ended = subprocess.run([sys.executable, "-c", program, *map(str, words)], check=False)

    assert ended.returncode == 0


def test_a_run_s_folder_stands_for_its_model_file(models, folder, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.onnx").write_bytes(models["detection"].read_bytes())

    summary = predict_table(tmp_path / "run", [str(folder)], tmp_path / "out.parquet")

    assert summary.pictures == 20
