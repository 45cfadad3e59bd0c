"""The comparison: every classifier on the same rows, the same folds and the same test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np

from akitsu import __version__
from akitsu.classic.classifiers import CLASSIFIERS, Classifier, classifier
from akitsu.classic.cross_validation import (
    CrossValidation,
    Fit,
    Fitted,
    accuracy_estimate,
    cross_validate,
    fitter,
)
from akitsu.classic.problem import Problem
from akitsu.scores.calibration import fit_temperature
from akitsu.scores.interval import Estimate

REPEATS = 5
"""Cuts into folds; a table of more rows than FEW, and a search, have one."""
FEW = 5000
COLDEST = math.exp(-7)
"""Distances to borders come on any scale: a softmax of them is looked at from this temperature up
to its inverse."""
ASKED = 5
"""Times that the whole table is asked; the median is told."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """What the comparison found of one classifier.

    Attributes:
        entry: Which.
        accuracy: Cross-validated, with its 95 % interval.
        misclassified: Rows of the test that were answered wrong.
        train_accuracy: On the rows that the classifier of the test had learnt from.
        fit_s: Median seconds of a fit on the rows of a fold.
        predict_s: Seconds a row, if the whole table is asked at once.
        tested: The pipeline of the test, which learnt from the other rows.
        final: The pipeline that learnt from all rows; what is exported.
        temperature: For the softmax of `decision_scores`; None where they are probabilities.
        chosen: What the search on all rows chose; empty without one.
        chosen_by_fold: The same of each fold.
        is_settled: False if the solver ran out of steps.
    """

    entry: Classifier
    accuracy: Estimate
    misclassified: int
    train_accuracy: float
    fit_s: float
    predict_s: float
    tested: Any
    final: Any
    temperature: float | None
    chosen: Mapping[str, Any]
    chosen_by_fold: Sequence[Mapping[str, Any]]
    is_settled: bool

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of the final pipeline that the seed or the search set."""
        found = self.final["model"].get_params()
        keys = [*self.entry.parameters, *self.chosen]
        if self.entry.seed_offset is not None:
            keys.append("random_state")
        return {key: found[key] for key in dict.fromkeys(keys)}


def compare(
    problem: Problem,
    *,
    names: Sequence[str] = tuple(CLASSIFIERS),
    folds: int = 10,
    seed: int = 0,
    tune: bool = False,
    advance: Callable[[], None] = lambda: None,
) -> list[Line]:
    """Fit and ask every classifier.

    Args:
        problem: The rows.
        names: Which classifiers, in the order of the lines.
        folds: Of the cross-validation, at least 2.
        seed: Of the folds and the classifiers; 0 gives the classifiers the seed's own numbers.
        tune: Search each classifier's grid, inside each fold.
        advance: Called after each of `fits(...)` fits.
    """
    return [
        _line(problem, name, folds=folds, seed=seed, tune=tune, advance=advance) for name in names
    ]


def repeats_for(problem: Problem, *, tune: bool) -> int:
    """How often the rows are cut anew into folds."""
    return 1 if tune or len(problem.labels) > FEW else REPEATS


def fits(problem: Problem, *, count: int, folds: int, tune: bool) -> int:
    """How many fits `compare` does with so many classifiers, a search counting once."""
    return count * (folds * repeats_for(problem, tune=tune) + 2)


def _line(
    problem: Problem,
    name: str,
    *,
    folds: int,
    seed: int,
    tune: bool,
    advance: Callable[[], None],
) -> Line:
    fit = fitter(name, seed=seed, tune=tune)
    crossed = cross_validate(
        fit,
        problem.inputs,
        problem.labels,
        folds=folds,
        repeats=repeats_for(problem, tune=tune),
        seed=seed,
        advance=advance,
    )
    tested, final = _fit_twice(fit, problem, advance=advance)
    right = tested.pipeline.predict(problem.inputs) == problem.labels
    return Line(
        entry=classifier(name),
        accuracy=accuracy_estimate(crossed.accuracies, rows=len(problem.labels), folds=folds),
        misclassified=int((~right[problem.test]).sum()),
        train_accuracy=float(right[problem.train].mean()),
        fit_s=crossed.fit_s,
        predict_s=_seconds_a_row(final.pipeline, problem),
        tested=tested.pipeline,
        final=final.pipeline,
        temperature=_temperature(final.pipeline, crossed, problem),
        chosen=final.chosen,
        chosen_by_fold=[chosen for chosen in crossed.chosen if chosen],
        is_settled=_is_settled(final.pipeline),
    )


def _fit_twice(fit: Fit, problem: Problem, *, advance: Callable[[], None]) -> tuple[Fitted, Fitted]:
    """On all rows but the test's, and on all."""
    fitted = []
    for rows in (problem.train, np.arange(len(problem.labels))):
        fitted.append(fit(problem.inputs[rows], problem.labels[rows]))
        advance()
    return fitted[0], fitted[1]


def _seconds_a_row(pipeline: Any, problem: Problem) -> float:
    seconds = []
    for _ in range(ASKED):
        start = perf_counter()
        pipeline.predict(problem.inputs)
        seconds.append(perf_counter() - start)
    return float(np.median(seconds)) / len(problem.labels)


def _temperature(pipeline: Any, crossed: CrossValidation, problem: Problem) -> float | None:
    if hasattr(pipeline, "predict_proba"):
        return None
    return fit_temperature(crossed.scores, problem.labels, coldest=COLDEST, hottest=1 / COLDEST)


def _is_settled(pipeline: Any) -> bool:
    """Whether the solver of a logistic regression ended before its last step."""
    model = pipeline["model"]
    steps = getattr(model, "n_iter_", None)
    if steps is None or getattr(model, "tol", None) is None or model.max_iter < 0:
        return True
    return bool(np.max(steps) < model.max_iter)


def comparison_document(
    problem: Problem, lines: Sequence[Line], *, folds: int, seed: int, tune: bool
) -> dict[str, Any]:
    """Everything that was found, for `compare.json` and `--json`."""
    counts = np.bincount(problem.labels)
    tested = int(problem.test.sum())
    return {
        "table": problem.name,
        "target": problem.target,
        "features": list(problem.features),
        "inputs": problem.input_names,
        "n": len(problem.labels),
        "classes": {name: int(count) for name, count in zip(problem.classes, counts, strict=True)},
        "split": {
            "train": len(problem.labels) - tested,
            "test": tested,
            "stratified": problem.stratified,
            "seed": seed,
        },
        "cross_validation": {
            "folds": folds,
            "repeats": repeats_for(problem, tune=tune),
            "interval": "corrected resampled t, 95 %, at least Wilson's",
            "seed": seed,
        },
        "majority": {
            "class": problem.classes[int(counts.argmax())],
            "accuracy": float(counts.max() / counts.sum()),
        },
        "tuned": tune,
        "classifiers": [_line_document(line, tested=tested) for line in lines],
        "versions": {"akitsu": __version__, "scikit-learn": version("scikit-learn")},
    }


def _line_document(line: Line, *, tested: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": line.entry.name,
        "scaled": line.entry.scaled,
        "parameters": line.parameters,
        "accuracy": {k: v for k, v in line.accuracy.to_json().items() if k != "n"},
        "misclassified": line.misclassified,
        "test_accuracy": 1 - line.misclassified / tested,
        "train_accuracy": line.train_accuracy,
        "fit_ms": 1e3 * line.fit_s,
        "predict_us_per_row": 1e6 * line.predict_s,
        "settled": line.is_settled,
    }
    if line.chosen:
        document["chosen"] = dict(line.chosen)
        document["chosen_by_fold"] = [dict(chosen) for chosen in line.chosen_by_fold]
    return document
