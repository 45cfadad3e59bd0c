"""The classic classifiers by name, each with the seed's parameters and scaled where it has to be.

The seed is a blog's chapter on scikit-learn 0.18 (2017); it shows seven classifiers, and the SVM
with the RBF kernel a second time, with a gamma of 100, to show what overfitting looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import RecipeError, nearest


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """One line of the comparison.

    Attributes:
        name: As on the command line and in file names.
        title: As in tables and pictures.
        scaled: Whether features are standardised first: to mean 0 and deviation 1 of the training
            rows.
        parameters: Of scikit-learn's class, as the seed has them.
        grid: Parameter to the values that `--tune` tries, the simplest first, since of equals the
            first is taken; empty where there is nothing to search.
        estimator: scikit-learn's class, such as "svm.SVC"; it is imported when one is built.
        seed_offset: Added to the seed for the classifier's own random numbers; None if it draws
            none.
    """

    name: str
    title: str
    scaled: bool
    parameters: Mapping[str, Any]
    estimator: str
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    seed_offset: int | None = None


def classifier(name: str) -> Classifier:
    """The entry of a classifier.

    Raises:
        RecipeError: If there is none of this name.
    """
    if name not in CLASSIFIERS:
        advice = nearest(name, CLASSIFIERS, otherwise=f"choose one of {', '.join(CLASSIFIERS)}")
        raise RecipeError(f"there is no classifier {name!r}", do=advice)
    return CLASSIFIERS[name]


def build(name: str, *, seed: int = 0, **parameters: Any) -> Any:
    """An unfitted `sklearn.pipeline.Pipeline` of one classifier; its last step is called "model".

    A classifier that needs scaling has a `StandardScaler` before it, so that whoever fits or asks
    the pipeline cannot scale the one and forget the other. The pipeline takes rows as they are.

    Args:
        name: One of `CLASSIFIERS`.
        seed: For the classifiers that draw random numbers; 0 gives the seed's own (the random
            forest, which has 1 there, takes one more).
        parameters: Values in place of the defaults.

    Raises:
        RecipeError: If there is no such classifier, or it has no such parameter.

    Example:
        >>> build("k-nearest-neighbours", n_neighbors=3)["model"].n_neighbors
        3
        >>> list(build("decision-tree").named_steps)
        ['model']
    """
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    entry = classifier(name)
    module, _, kind = entry.estimator.partition(".")
    model = getattr(import_module(f"sklearn.{module}"), kind)(**entry.parameters)
    if entry.seed_offset is not None:
        model.set_params(random_state=seed + entry.seed_offset)
    known = model.get_params()
    for key in parameters:
        if key not in known:
            advice = nearest(key, known, otherwise=f"choose one of {', '.join(known)}")
            raise RecipeError(f"{name} has no parameter {key!r}", do=advice)
    model.set_params(**parameters)
    scaler = [("scaler", StandardScaler())] if entry.scaled else []
    return Pipeline([*scaler, ("model", model)])


def decision_scores(fitted: Any, features: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much a fitted pipeline is for each class: what its decision is the greatest of.

    Args:
        fitted: From `build`, after `fit`.
        features: (N, F).

    Returns:
        (N, K) probabilities where the classifier has some, else signed distances to its borders
        (any real number; for two classes the distance and its negative).
    """
    if hasattr(fitted, "predict_proba"):
        return np.asarray(fitted.predict_proba(features), np.float64)
    scores = np.asarray(fitted.decision_function(features), np.float64)
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


C_VALUES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
GAMMA_VALUES = (0.001, 0.01, 0.1, 1.0, 10.0)

CLASSIFIERS: dict[str, Classifier] = {
    entry.name: entry
    for entry in (
        Classifier(
            name="perceptron",
            title="perceptron",
            scaled=True,
            # The seed's n_iter=40 passes over the rows, no fewer: a tolerance would stop earlier.
            parameters={"eta0": 0.1, "max_iter": 40, "tol": None},
            estimator="linear_model.Perceptron",
            seed_offset=0,
        ),
        Classifier(
            name="logistic-regression",
            title="logistic regression",
            scaled=True,
            # More steps than scikit-learn's 100, so that hard tables end with no warning.
            parameters={"C": 1000.0, "max_iter": 5000},
            estimator="linear_model.LogisticRegression",
            grid={"C": C_VALUES},
            seed_offset=0,
        ),
        Classifier(
            name="linear-svm",
            title="linear SVM",
            scaled=True,
            # break_ties: of three classes that win one duel each, the one with the greatest
            # distance is named, so that the answer is always the greatest of the scores.
            parameters={"kernel": "linear", "C": 1.0, "break_ties": True},
            estimator="svm.SVC",
            grid={"C": C_VALUES[:-1]},
            seed_offset=0,
        ),
        Classifier(
            name="rbf-svm",
            title="RBF SVM",
            scaled=True,
            parameters={"kernel": "rbf", "C": 10.0, "gamma": 0.1, "break_ties": True},
            estimator="svm.SVC",
            grid={"C": C_VALUES, "gamma": GAMMA_VALUES},
            seed_offset=0,
        ),
        Classifier(
            name="rbf-svm-gamma-100",
            title="RBF SVM, gamma 100",
            scaled=True,
            parameters={"kernel": "rbf", "C": 10.0, "gamma": 100.0, "break_ties": True},
            estimator="svm.SVC",
            seed_offset=0,
        ),
        Classifier(
            name="decision-tree",
            title="decision tree",
            scaled=False,
            parameters={"criterion": "entropy", "max_depth": 3},
            estimator="tree.DecisionTreeClassifier",
            grid={"max_depth": (1, 2, 3, 4, 5, 8, None)},
            seed_offset=0,
        ),
        Classifier(
            name="random-forest",
            title="random forest",
            scaled=False,
            parameters={"criterion": "entropy", "n_estimators": 10},
            estimator="ensemble.RandomForestClassifier",
            grid={"n_estimators": (10, 50)},
            seed_offset=1,
        ),
        Classifier(
            name="k-nearest-neighbours",
            title="k nearest neighbours",
            scaled=True,
            parameters={"n_neighbors": 5, "metric": "minkowski", "p": 2},
            estimator="neighbors.KNeighborsClassifier",
            grid={"n_neighbors": (21, 15, 11, 7, 5, 3, 1)},
        ),
    )
}
"""In the order of the seed, from one straight line to memory alone."""
