"""The engine `ray`: parts through Ray Data, on this machine's processors or on a cluster."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from akitsu.bulk.job import Job
from akitsu.bulk.output import Part
from akitsu.errors import AkitsuError, require
from akitsu.runtime.threads import VARIABLE, available_threads

ADDRESS = "RAY_ADDRESS"
"""Where this environment variable names a cluster, the work goes there."""

AUTHENTICATION = "RAY_AUTH_MODE"
"""Has to say "token" where the cluster asks for one; Ray finds the token itself."""

KNOCK_S = 5.0

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to Ray's makers
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class RayWorker:
    """An actor: it opens the model file once, and answers one part after the other."""

    def __init__(self, job: Job) -> None:
        # One process a processor: more threads in each would only be in each other's way.
        os.environ[VARIABLE] = "1"
        self._worker = job.worker(threads=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """One part a batch: its references as they were pickled here, its rows as Arrow's IPC."""
        references = pickle.loads(batch["references"][0])
        return {"position": batch["position"], "rows": [_packed(self._worker(references))]}


def run_on_ray(
    job: Job, parts: Sequence[Part], *, workers: int | None
) -> Iterator[tuple[Part, pa.Table]]:
    """Answer every part, in the order in which they get done.

    Args:
        job: What every worker needs.
        parts: What is to be done.
        workers: Processes of one thread each; None takes every processor of the cluster, or
            `available_threads()` on this machine.

    Raises:
        MissingExtraError: If Ray is not installed.
        AkitsuError: If Ray cannot start, or its workers fail.
    """
    require("ray", extra="cluster", purpose="--engine ray")
    if not parts:
        return
    with _started(workers) as ray:
        try:
            for row in _dataset(ray, job, parts, size=workers or _processors(ray)).iter_rows():
                yield parts[row["position"]], _unpacked(row["rows"])
        except ray.exceptions.RayError as error:
            raise AkitsuError(
                f"the workers failed ({_last_line(error)})",
                where="--engine ray",
                do="run the command again: what is done is kept",
            ) from error


def _dataset(ray: Any, job: Job, parts: Sequence[Part], *, size: int) -> Any:
    # A block a part: Ray hands blocks to whichever worker is free.
    blocks = [
        pa.table({"position": [position], "references": [pickle.dumps(part.references)]})
        for position, part in enumerate(parts)
    ]
    return ray.data.from_arrow(blocks).map_batches(
        RayWorker,
        batch_size=1,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(size=min(size, len(parts))),
        fn_constructor_args=(job,),
    )


@contextmanager
def _started(workers: int | None) -> Iterator[Any]:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own deprecations are not our users' business
        import ray
        import ray.data

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            _connect(ray, workers)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            what = f"Ray cannot start ({_last_line(error)})"
            do = f"check {ADDRESS} and {AUTHENTICATION}"
            if not os.environ.get(ADDRESS):
                do = "run with --engine local"
            raise AkitsuError(what, where="--engine ray", do=do) from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _connect(ray: Any, workers: int | None) -> None:
    options = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get(ADDRESS)
    if address:
        _knock(address)
        ray.init(address="auto", **options)  # which is what the variable says
    else:
        processors = workers or available_threads()
        with _closed_stderr():
            ray.init(address="local", num_cpus=processors, include_dashboard=False, **options)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False


def _knock(address: str) -> None:
    """Raise OSError where nobody answers: Ray would wait for minutes, and then end the process."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_S).close()


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Ray's C++ says on stderr that it was told to be quiet; what goes wrong it raises."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _processors(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def _unpacked(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def _last_line(error: BaseException) -> str:
    """What went wrong stands below the traceback that Ray puts into its errors."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1][:200].rstrip(" .")
