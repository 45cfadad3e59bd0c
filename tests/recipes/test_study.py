"""Several workers share one study, and what a dead one leaves behind is taken up."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from akitsu.errors import OutputError
from akitsu.recipes.recipe import load
from akitsu.recipes.search_space import Choices, Range, SearchSpace
from akitsu.recipes.study import JOURNAL, MOST_STARTS, SharedStudy, claim

SPACE = SearchSpace({"optimizer.lr": Range(low=1e-4, high=1e-2, log=True)})
HOLD = """
import sys
from pathlib import Path
from akitsu.recipes.study import claim
with claim(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


def worker(out, *, storage=None, space=SPACE, settings=(), **more):
    recipe = load("digits", settings=["data.path=train.csv", *settings])
    return SharedStudy(out, recipe=recipe, space=space, storage=storage, **more)


def begin(study, trials=10):
    """Take a trial, and die: what the next worker sees is the same as after a kill."""
    with study.next_trial(trials) as trial:
        return trial and (trial.number, study.values(trial))


def states(study):
    return [row["state"] for row in study.rows(100)]


def test_a_lock_dies_with_its_process(tmp_path):
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "True\n"
        with claim(lock) as held_beside_it:
            pass
        other.send_signal(signal.SIGKILL)
    with claim(lock) as held_after_it:
        pass

    assert (held_beside_it, held_after_it) == (False, True)


def test_the_recipe_s_own_values_come_first(tmp_path):
    assert begin(worker(tmp_path)) == (0, {"optimizer.lr": 0.004})


def test_two_workers_never_hold_the_same_trial_and_stop_at_the_number_asked_for(tmp_path):
    one, other = worker(tmp_path), worker(tmp_path)

    with (
        one.next_trial(3) as a,
        other.next_trial(3) as b,
        one.next_trial(3) as c,
        other.next_trial(3) as d,
    ):
        assert [a.number, b.number, c.number] == [0, 1, 2]
        assert d is None
        assert len(one.trials()) == 3


def test_a_trial_whose_worker_died_is_taken_up_with_its_values(tmp_path):
    begin(worker(tmp_path))
    number, values = begin(worker(tmp_path))  # it took up number 0, and died as well

    study = worker(tmp_path)
    with study.next_trial(1) as trial:
        assert (trial.number, study.values(trial)) == (number, values) == (0, values)
        study.complete(trial, 0.5)

    assert states(study) == ["complete"]
    assert begin(study, trials=1) is None


def test_a_trial_that_kills_every_worker_is_given_up(tmp_path):
    for _ in range(MOST_STARTS):
        assert begin(worker(tmp_path))[0] == 0

    study = worker(tmp_path)

    assert begin(study)[0] == 1
    assert study.rows(10)[0]["state"] == "failed"
    assert study.rows(10)[0]["error"].startswith(f"its worker died {MOST_STARTS} times")


def test_an_interrupted_start_does_not_count(tmp_path):
    for _ in range(2 * MOST_STARTS):
        study = worker(tmp_path)
        with study.next_trial(10) as trial:
            study.put_back(trial)

    assert begin(worker(tmp_path))[0] == 0


def test_one_worker_alone_makes_the_same_study_each_time(tmp_path):
    def values(out, *, reopened):
        study, found = worker(out), []
        for _ in range(4):
            study = worker(out) if reopened else study
            with study.next_trial(4) as trial:
                found.append(study.values(trial))
                study.complete(trial, found[-1]["optimizer.lr"])
        return found

    once, again = values(tmp_path / "a", reopened=False), values(tmp_path / "b", reopened=True)

    assert once == again
    assert len({each["optimizer.lr"] for each in once}) == 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": ["optimizer.momentum=0.8"]}, "another recipe (see optimizer.momentum)"),
        ({"space": SearchSpace({"batch_size": Choices(values=(1, 2))})}, "another space (see "),
    ],
)
def test_a_study_of_something_else_is_refused(tmp_path, change, told):
    worker(tmp_path)

    with pytest.raises(OutputError) as caught:
        worker(tmp_path, **change)

    assert told in str(caught.value)
    assert str(caught.value).endswith("choose another --out, or begin anew with --force.")


def test_the_data_may_lie_elsewhere_on_another_host(tmp_path):
    begun = begin(worker(tmp_path))

    elsewhere = worker(tmp_path, settings=["data.path=/elsewhere/train.csv"])

    assert begin(elsewhere) == begun  # it takes up the trial whose worker is gone


def test_hosts_that_share_a_database_alone_share_the_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/study.db"
    studies = []
    for host in ("one", "other"):
        (tmp_path / host).mkdir()
        monkeypatch.chdir(tmp_path / host)
        studies.append(worker(tmp_path.__class__("out"), storage=url))
        assert begin(studies[-1], trials=2)[0] == len(studies) - 1

    # Each takes up what it left itself, and leaves alone what the other may be running.
    assert begin(studies[1], trials=2)[0] == 1
    monkeypatch.chdir(tmp_path / "one")
    assert begin(studies[0], trials=2)[0] == 0


def test_a_study_in_a_database_begins_anew_when_told_to(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    begin(worker(tmp_path / "out", storage=url))

    study = worker(tmp_path / "out", storage=url, anew=True)

    assert study.rows(10) == []


BAD_URLS = {
    "no URL": "hello",
    "a folder that is not there": "sqlite:////nowhere/study.db",
    "a database nobody knows": "wonder://ann:secret@host/db",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=[*BAD_URLS])
def test_a_database_that_cannot_be_opened_is_a_sentence_without_its_password(tmp_path, url):
    with pytest.raises(OutputError) as caught:
        worker(tmp_path, storage=url)

    assert str(caught.value).startswith("--storage: this database ")
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_not_installed_is_named(tmp_path):
    pytest.importorskip("sqlalchemy")
    if "psycopg2" in sys.modules:
        pytest.skip("this environment has the driver")

    with pytest.raises(OutputError, match=r"run pip install psycopg2\.$"):
        worker(tmp_path, storage="postgresql+psycopg2://ann:secret@localhost/db")


def test_a_line_that_a_dying_worker_left_unfinished_is_cut_off(tmp_path):
    begin(worker(tmp_path))
    with (tmp_path / JOURNAL).open("a") as journal:
        journal.write('{"op_code": 8, "tri')

    study = worker(tmp_path)
    with study.next_trial(1) as trial:
        study.complete(trial, 0.5)

    assert states(worker(tmp_path)) == ["complete"]


BROKEN = {
    "words": b"hello\nyou\n",
    "no text": b"\xff\xfe\x00\n",
    "another JSON": b'{"a": 1}\n',
    "a list": b"[1]\n",
    "an operation nobody knows": b'{"op_code": 99, "worker_id": "x"}\n',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=[*BROKEN])
def test_a_broken_journal_is_a_sentence(tmp_path, content):
    (tmp_path / JOURNAL).write_bytes(content)

    with pytest.raises(OutputError) as caught:
        worker(tmp_path)

    told = "this journal is broken; begin anew with --force."
    assert str(caught.value) == f"{tmp_path / JOURNAL}: {told}"


def test_a_place_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match=r"choose another --out\.$"):
        worker(tmp_path / "file" / "out")


def scored(out, scores, space):
    study = worker(out, space=space)
    for number in range(20):
        with study.next_trial(20) as trial:
            study.complete(trial, scores(study.values(trial), number))
    return study


def test_importance_goes_to_the_key_that_matters(tmp_path):
    space = SearchSpace({k: Range(low=1e-4, high=1) for k in ("optimizer.lr", "augment.flip")})

    study = scored(tmp_path, lambda values, _: values["augment.flip"], space)

    importance = study.importance()
    assert list(importance) == ["augment.flip", "optimizer.lr"]
    assert importance["augment.flip"] > 0.9


def test_scores_that_do_not_differ_have_no_importance(tmp_path):
    assert scored(tmp_path, lambda *_: 0.5, SPACE).importance() == {}
