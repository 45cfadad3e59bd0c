from __future__ import annotations

import pytest

from akitsu.errors import MissingExtraError, TrainingError
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.mlflow_writer import CONTINUED_AS, MLflowWriter
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import resume


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder that stands for a tracking server, and nothing sent to MLflow's makers."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    pytest.importorskip("mlflow")
    return (tmp_path / "server").as_uri()


def hang(ours, server, **words):
    ours.extend(LogReport(), trigger=(2, "iteration"))
    ours.extend(MLflowWriter(server, **words), trigger=(2, "iteration"))
    ours.extend(Snapshot(), trigger=(4, "iteration"))
    return ours


def killed_at(iteration, ours):
    def kill(trainer):
        raise RuntimeError("the power is gone")

    ours.extend(kill, trigger=(iteration, "iteration"), priority=-1000)
    with pytest.raises(RuntimeError, match="power"):
        ours.run()


def runs(server):
    """All runs of the experiment, the first begun first."""
    from mlflow import MlflowClient

    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("akitsu")
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    return client, found


def points(client, run, key="main/loss"):
    return [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, key)]


def test_every_row_of_the_log_is_sent_against_its_iteration(trainer, server, tmp_path):
    ours = hang(trainer(stop=(5, "iteration"), out=tmp_path / "digits"), server)
    ours.extend(Evaluator(lambda model: {"iou/door, open": 0.5}))

    ours.run()

    client, (run,) = runs(server)
    rows = ours.extension("LogReport").rows
    assert points(client, run) == [(row["iteration"], row["main/loss"]) for row in rows]
    assert points(client, run, "validation/main/iou/door_ open") == [(5, 0.5)]
    assert "iteration" not in run.data.metrics
    assert (run.info.run_name, run.info.status) == ("digits", "FINISHED")


def test_a_run_that_stopped_at_its_snapshot_goes_on_in_the_same_mlflow_run(
    trainer, server, tmp_path
):
    killed_at(5, hang(trainer(stop=(8, "iteration")), server))
    assert runs(server)[1][0].info.status == "FAILED"

    again = hang(trainer(stop=(8, "iteration")), server)
    resume(again, tmp_path / "snapshots")
    again.run()

    client, (run,) = runs(server)
    assert [step for step, _ in points(client, run)] == [2, 4, 6, 8]
    assert run.info.status == "FINISHED"


def test_rows_from_beyond_the_snapshot_stay_in_a_run_that_says_where_it_went_on(
    trainer, server, tmp_path
):
    killed_at(7, hang(trainer(stop=(8, "iteration")), server))

    again = hang(trainer(stop=(8, "iteration")), server)
    resume(again, tmp_path / "snapshots")
    again.run()

    client, found = runs(server)
    new = next(run for run in found if CONTINUED_AS not in run.data.tags)
    (old,) = [run for run in found if run is not new]
    assert [step for step, _ in points(client, new)] == [2, 4, 6, 8]
    assert [step for step, _ in points(client, old)] == [2, 4, 6]
    assert old.data.tags[CONTINUED_AS] == new.info.run_id
    assert old.info.status == "KILLED"


def test_what_could_not_be_sent_is_sent_with_the_next_row(trainer, server, monkeypatch):
    from mlflow import MlflowClient

    send = MlflowClient.log_batch

    def send_unless_down(client, run, metrics):
        calls.append(metrics[0].step)
        if len(calls) == 1:
            raise ConnectionError("the server is down")
        send(client, run, metrics=metrics)

    calls: list[int] = []
    monkeypatch.setattr(MlflowClient, "log_batch", send_unless_down)
    ours = trainer(stop=(6, "iteration"))
    ours.extend(LogReport(), trigger=(2, "iteration"))
    ours.extend(MLflowWriter(server), trigger=(4, "iteration"))

    with pytest.warns(UserWarning, match=r"MLflow: nothing sent \(the server is down\); the train"):
        ours.run()

    client, (run,) = runs(server)
    assert [step for step, _ in points(client, run)] == [2, 4, 6]


def test_a_server_that_refuses_is_named_before_the_first_step(trainer, tmp_path, server):
    (tmp_path / "server").write_text("a file where the folder should be")
    ours = hang(trainer(), server)

    with pytest.raises(TrainingError, match=r"server: MLflow gives no run \(.*leave MLflowWriter"):
        ours.run()
    assert ours.updater.iteration == 0


def test_without_mlflow_the_extra_is_named(trainer, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    ours = hang(trainer(), None)

    with pytest.raises(MissingExtraError, match=r"MLflowWriter needs .*akitsu\[tracking\]"):
        ours.run()
