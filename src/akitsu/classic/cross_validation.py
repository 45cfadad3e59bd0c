"""Cross-validation: an accuracy on rows that were not learnt from, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.classifiers import build, classifier, decision_scores
from akitsu.scores.interval import COVERAGE, Estimate

INNER_FOLDS = 5
"""Folds of the search within the rows that a fold learns from."""

Inputs = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A pipeline that has learnt.

    Attributes:
        pipeline: Of `akitsu.classic.classifiers.build`.
        fit_s: Seconds of its own learning, without the search for its parameters.
        chosen: What a search chose.
    """

    pipeline: Any
    fit_s: float
    chosen: Mapping[str, Any] = field(default_factory=dict)


Fit = Callable[[Inputs, Labels], Fitted]


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """What came of it.

    Attributes:
        accuracies: (repeats * folds,) accuracies on the left-out rows.
        scores: (N, K): of each row, from the fold of the first repeat that had left it out.
        fit_s: Median seconds of a fit.
        chosen: What the search of each fold chose.
    """

    accuracies: NDArray[np.float64]
    scores: NDArray[np.float64]
    fit_s: float
    chosen: list[Mapping[str, Any]]


def fitter(name: str, *, seed: int, tune: bool = False) -> Fit:
    """How a classifier learns: with its parameters, or with those that a search finds best.

    The search tries the classifier's grid by stratified folds of the rows that it is given, and
    of equals takes the first.
    """
    grid = classifier(name).grid if tune else {}
    return _search(name, grid, seed=seed) if grid else _plain(name, seed=seed)


def cross_validate(
    fit: Fit,
    inputs: Inputs,
    labels: Labels,
    *,
    folds: int,
    repeats: int,
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> CrossValidation:
    """Fit on all folds but one and ask of that one, each in turn, over several ways to cut.

    A search inside `fit` sees only the rows that are learnt from, so its accuracy here is honest
    (nested cross-validation).

    Args:
        fit: From `fitter`.
        inputs: (N, F).
        labels: (N,), each class in at least `folds` rows.
        folds: Parts of a cut, each with the classes' shares of all rows.
        repeats: Cuts.
        seed: Of the cuts.
        advance: Called after each fit.
    """
    from sklearn.model_selection import RepeatedStratifiedKFold

    cuts = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    scores = np.zeros((len(labels), labels.max() + 1))
    accuracies, seconds, chosen = [], [], []
    for number, (train, left_out) in enumerate(cuts.split(inputs, labels)):
        fitted = fit(inputs[train], labels[train])
        found = decision_scores(fitted.pipeline, inputs[left_out])
        if number < folds:
            scores[left_out] = found
        accuracies.append(float(np.mean(found.argmax(1) == labels[left_out])))
        seconds.append(fitted.fit_s)
        chosen.append(fitted.chosen)
        advance()
    return CrossValidation(
        accuracies=np.array(accuracies),
        scores=scores,
        fit_s=float(np.median(seconds)),
        chosen=chosen,
    )


def accuracy_estimate(accuracies: NDArray[np.float64], *, rows: int, folds: int) -> Estimate:
    """The mean accuracy with its 95 % interval.

    The folds learn from nearly the same rows, so their accuracies are not independent, and the
    usual t interval is far too narrow. This is the corrected resampled t interval of Nadeau and
    Bengio (Inference for the Generalization Error, Machine Learning 52, 2003): the variance of
    the J accuracies counts 1/J + test rows/train rows times instead of 1/J. It is never narrower
    than Wilson's interval for as many rows, for where every fold is right the variance says 0.

    Args:
        accuracies: (J,) of the folds of all repeats, J at least 2.
        rows: N, of the whole table.
        folds: Parts of a cut.

    Example:
        >>> print(accuracy_estimate(np.array([1.0, 0.9, 0.9, 1.0]), rows=40, folds=4))
        95.00 % (83.50–100.00)
    """
    from scipy.stats import norm, t

    mean, count = float(accuracies.mean()), len(accuracies)
    correction = 1 / count + 1 / (folds - 1)
    deviation = np.sqrt(correction * accuracies.var(ddof=1))
    reach = float(t.ppf((1 + COVERAGE) / 2, count - 1) * deviation)
    z = float(norm.ppf((1 + COVERAGE) / 2))
    middle = (mean + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(mean * (1 - mean) / rows + (z / (2 * rows)) ** 2)
    low, high = min(mean - reach, middle - half), max(mean + reach, middle + half)
    return Estimate(mean, max(0.0, float(low)), min(1.0, float(high)), rows)


def _plain(name: str, *, seed: int) -> Fit:
    def fit(inputs: Inputs, labels: Labels) -> Fitted:
        pipeline = build(name, seed=seed)
        start = perf_counter()
        with _unfinished_is_quiet():
            pipeline.fit(inputs, labels)
        return Fitted(pipeline, perf_counter() - start)

    return fit


def _search(name: str, grid: Mapping[str, tuple[Any, ...]], *, seed: int) -> Fit:
    def fit(inputs: Inputs, labels: Labels) -> Fitted:
        from sklearn.model_selection import GridSearchCV, StratifiedKFold

        folds = max(2, min(INNER_FOLDS, int(np.bincount(labels).min())))
        cut = StratifiedKFold(folds, shuffle=True, random_state=seed)
        rows = len(labels) - -(-len(labels) // folds)
        search = GridSearchCV(build(name, seed=seed), _values(grid, rows=rows), cv=cut)
        with _unfinished_is_quiet():
            search.fit(inputs, labels)
        chosen = {key.removeprefix("model__"): v for key, v in search.best_params_.items()}
        return Fitted(search.best_estimator_, float(search.refit_time_), chosen)

    return fit


def _values(grid: Mapping[str, tuple[Any, ...]], *, rows: int) -> dict[str, list[Any]]:
    """The grid for the step "model"; of more neighbours than rows there can be none."""
    values = {f"model__{key}": list(tried) for key, tried in grid.items()}
    if "n_neighbors" in grid:
        values["model__n_neighbors"] = [k for k in grid["n_neighbors"] if k <= rows] or [1]
    return values


@contextmanager
def _unfinished_is_quiet() -> Iterator[None]:
    """A solver that runs out of steps says so in the comparison's table, not in the middle."""
    from sklearn.exceptions import ConvergenceWarning

    with catch_warnings():
        filterwarnings("ignore", category=ConvergenceWarning)
        yield
