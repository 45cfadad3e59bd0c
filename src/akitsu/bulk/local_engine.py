"""The engine `local`: one part after the other, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from akitsu.bulk.job import Job
from akitsu.bulk.output import Part


def run_locally(
    job: Job, parts: Sequence[Part], *, workers: int | None
) -> Iterator[tuple[Part, pa.Table]]:
    """Answer every part, in order.

    Args:
        job: What every worker needs.
        parts: What is to be done.
        workers: CPU threads for the graph; None takes `available_threads()`.
    """
    worker = job.worker(threads=workers)
    for part in parts:
        yield part, worker(part.references)
