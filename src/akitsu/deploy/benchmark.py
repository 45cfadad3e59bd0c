"""Networks side by side on this machine: what they cost, how long they take, what they know.

The protocol is that of Canziani, Paszke and Culurciello (arXiv:1605.07678): one machine, one batch
size, one way of measuring for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from akitsu.deploy.figures import Figures, pareto_front
from akitsu.deploy.timing import Call, Latency, interleaved
from akitsu.errors import DataError

RUN_MODEL = "model.onnx"


@dataclass(frozen=True)
class Subject:
    """One network to be measured.

    Attributes:
        name: As it was asked for.
        kind: "registered", "run" or "file".
        input_hw: Rows and columns of its pictures.
        figures: What it costs.
        file_bytes: Of the file; of a registered network what its weights take.
        openers: By engine ("torch", "onnxruntime"), what makes a call ready.
        top1: Accuracy on ImageNet in percent, where its library's weights tell it.
        weights: The weights that have this accuracy.
    """

    name: str
    kind: str
    input_hw: tuple[int, int]
    figures: Figures
    file_bytes: int
    openers: Mapping[str, Callable[[], Call]] = field(default_factory=dict)
    top1: float | None = None
    weights: str | None = None


def model_file(
    path: Path, *, name: str, batch: int, input_hw: tuple[int, int] | None, threads: int
) -> Subject:
    """A model file, or that of a run; any ONNX file will do, and PyTorch is not needed.

    Raises:
        DataError: If the run has no model file.
        ModelFileError: If the file cannot be run.
    """
    from akitsu.deploy.onnx_cost import count_file, inputs_for, session_of
    from akitsu.runtime.model_file import checked_content

    kind = "run" if path.is_dir() else "file"
    file = path / RUN_MODEL if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise DataError(f"there is no {RUN_MODEL} here", where=path, do="let akitsu train finish")
    content = checked_content(file)
    size = input_hw or (224, 224)
    figures = count_file(content, where=file, batch=batch, input_hw=size)

    def opener() -> Call:
        session = session_of(content, where=file, threads=threads)
        inputs = inputs_for(session, batch=batch, input_hw=size, where=file)
        return lambda: session.run(None, inputs)

    shown = _side(content, where=file, otherwise=size)
    return Subject(name, kind, shown, figures, len(content), {"onnxruntime": opener})


def _side(content: bytes, *, where: Path, otherwise: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the first input, of which the two largest fixed sides are pictures."""
    from akitsu.deploy.onnx_cost import session_of

    shape = session_of(content, where=where, threads=1).get_inputs()[0].shape
    sides = [side for side in shape[1:] if isinstance(side, int)]
    if len(sides) < 3:
        return otherwise
    return (sides[0], sides[1]) if sides[2] < sides[0] else (sides[1], sides[2])


def measure(
    subjects: Sequence[Subject], *, batch: int, rounds: int, say: Callable[[str], object]
) -> dict[str, Any]:
    """Time all subjects in turns.

    Returns:
        `batch`, `rounds`, and under `models` one object each; `front` names those that no other
        beats in accuracy at fewer multiply-adds, `front_by_time` the same by measured time.
    """
    openers = {
        f"{subject.name} in {engine}": opener
        for subject in subjects
        for engine, opener in subject.openers.items()
    }
    latencies = interleaved(openers, rounds=rounds, say=say)
    rows = [
        _row(
            subject,
            {engine: latencies[f"{subject.name} in {engine}"] for engine in subject.openers},
            batch=batch,
        )
        for subject in subjects
    ]
    known = [row for row in rows if row["top1"] is not None]
    return {
        "batch": batch,
        "rounds": rounds,
        "models": rows,
        "front": _front(known, [row["macs"] for row in known]),
        "front_by_time": _front(known, [shown_latency(row)["median_ms"] for row in known]),
    }


def shown_latency(row: Mapping[str, Any]) -> dict[str, float]:
    """A row's time in the engine that is asked for first: PyTorch's, or a file's in onnxruntime."""
    latency: dict[str, float] = next(iter(row["latency"].values()))
    return latency


def _front(rows: Sequence[Mapping[str, Any]], costs: Sequence[float]) -> list[str]:
    on_it = pareto_front(costs, [row["top1"] for row in rows])
    return [row["name"] for row, best in zip(rows, on_it, strict=True) if best]


def _row(subject: Subject, latencies: Mapping[str, Latency], *, batch: int) -> dict[str, Any]:
    figures, top1 = subject.figures, subject.top1
    row = {
        "name": subject.name,
        "kind": subject.kind,
        "input_hw": list(subject.input_hw),
        "parameters": figures.parameters,
        "file_bytes": subject.file_bytes,
        "macs": figures.macs // batch,
        "peak_activation_bytes": figures.peak_activation_bytes,
        "top1": top1,
        "weights": subject.weights,
        "top1_per_million": None if top1 is None else top1 / (figures.parameters / 1e6),
    }
    row["latency"] = {engine: _times(each) for engine, each in latencies.items()}
    row["gmacs_per_s"] = figures.macs / 1e6 / shown_latency(row)["median_ms"]
    return row


def _times(latency: Latency) -> dict[str, float]:
    milliseconds = {
        "best_ms": 1e3 * latency.best_s,
        "median_ms": 1e3 * latency.median_s,
        "p95_ms": 1e3 * latency.p95_s,
    }
    return milliseconds | {"calls": len(latency.seconds)}
