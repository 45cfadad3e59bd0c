"""Sends the log to MLflow."""

from __future__ import annotations

import re
import time
import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from akitsu.errors import TrainingError, require
from akitsu.training.extension import Extension, Priority
from akitsu.training.extensions.log_report import LogReport, Row

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

# Where a row stands: the axis, not a value.
AXIS = "iteration"
# MLflow's names of metrics hold letters, digits and these; a class name may hold anything.
NOT_IN_NAMES = re.compile(r"[^\w./: -]")
# Tells a run that was resumed from the one that took its place.
CONTINUED_AS = "akitsu.continued_as"


class MLflowWriter(Extension):
    """Sends each new row of the log as metrics against the iteration.

    MLflow deletes no metric. A resumed run goes on in its MLflow run if that holds no row from
    beyond the snapshot; else it gets a new one with the whole log, and the old one is ended and
    says in its tag `akitsu.continued_as` where it went on.

    A server that does not answer costs a warning, not the training: what could not be sent is sent
    with the next row. MLflow itself reports its use to its makers, unless
    `MLFLOW_DISABLE_TELEMETRY=true` stands in the environment.

    Args:
        uri: The tracking server; None: what `MLFLOW_TRACKING_URI` says.
        experiment: Name of the experiment; it is made where there is none.
        name: Name of the run; None: that of its folder.
        log: Name of the LogReport.
    """

    trigger = (1, "epoch")
    priority = Priority.READER
    at_end = True

    def __init__(
        self,
        uri: str | None = None,
        *,
        experiment: str = "akitsu",
        name: str | None = None,
        log: str = "LogReport",
    ) -> None:
        self.uri, self.experiment, self.name, self.log = uri, experiment, name, log
        self._client: Any = None
        self._run: str | None = None
        self._written = -1
        self._failed = False

    @override
    def initialize(self, trainer: Trainer) -> None:
        """Find or begin the run on the server.

        Raises:
            MissingExtraError: If MLflow is not installed.
            TrainingError: If the server refuses.
        """
        require("mlflow", extra="tracking", purpose="MLflowWriter")
        self._failed = False
        try:
            self._client = import_module("mlflow").MlflowClient(self.uri)
            self._find_run(self.name or trainer.out.resolve().name)
        except Exception as error:  # whatever lies between here and the server
            raise TrainingError(
                f"MLflow gives no run ({_reason(error)})",
                where=self.uri or "MLFLOW_TRACKING_URI",
                do="name a server that runs, or leave MLflowWriter out",
            ) from error

    @override
    def __call__(self, trainer: Trainer) -> None:
        log = trainer.extension(self.log)
        assert isinstance(log, LogReport), f"{self.log} keeps no rows"
        for row in log.rows:
            if row[AXIS] > self._written and not self._try(
                self._client.log_batch, self._run, metrics=_metrics(row)
            ):
                return
            self._written = max(self._written, int(row[AXIS]))

    @override
    def on_error(self, trainer: Trainer, error: BaseException) -> None:
        self._failed = not isinstance(error, KeyboardInterrupt)

    @override
    def finalize(self, trainer: Trainer) -> None:
        if self._client is None or self._run is None:
            return
        ended = "FINISHED" if trainer.finished else "KILLED"
        self._try(self._client.set_terminated, self._run, "FAILED" if self._failed else ended)
        self._client = None

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"run": self._run, "written": self._written}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._run, self._written = state["run"], state["written"]

    def _find_run(self, name: str) -> None:
        earlier = self._run
        if earlier is not None and not self._holds_more(earlier):
            self._client.update_run(earlier, status="RUNNING")
            return
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = (
            self._client.create_experiment(self.experiment)
            if found is None
            else found.experiment_id
        )
        self._run = self._client.create_run(experiment, run_name=name).info.run_id
        self._written = -1
        if earlier is not None:
            self._client.set_tag(earlier, CONTINUED_AS, self._run)
            self._client.set_terminated(earlier, "KILLED")

    def _holds_more(self, run: str) -> bool:
        """Whether rows from beyond the snapshot were sent before the run was killed."""
        history = self._client.get_metric_history(run, "epoch")
        return any(point.step > self._written for point in history)

    def _try(self, send: Any, *words: Any, **named: Any) -> bool:
        try:
            send(*words, **named)
        except Exception as error:
            what = f"MLflow: nothing sent ({_reason(error)}); the training goes on."
            warnings.warn(what, stacklevel=2)
            return False
        return True


def _metrics(row: Row) -> list[Any]:
    metric = import_module("mlflow.entities").Metric
    now_ms = int(time.time() * 1000)
    return [
        metric(NOT_IN_NAMES.sub("_", key), float(value), now_ms, int(row[AXIS]))
        for key, value in row.items()
        if key != AXIS
    ]


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
