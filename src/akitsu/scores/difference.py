"""Two models on the same pictures: by how much one scores better, and how far to trust that."""

from __future__ import annotations

from akitsu.errors import DataError
from akitsu.scores.evaluate import Scores
from akitsu.scores.interval import Estimate, Weights, bootstrap

ROUNDS = 300


def difference(one: Scores, other: Scores, metric: str) -> Estimate:
    """How much more the second scores, with the interval of the difference.

    Every draw takes the same pictures for both: what makes a picture hard for both cancels out, and
    the interval is far narrower than those of the two scores would suggest.

    Args:
        one, other: Scores of the same pictures, added in the same order.
        metric: A name from `metrics()`, as in "map50".

    Returns:
        The difference; positive where `other` is higher.

    Raises:
        DataError: If the two have seen different numbers of pictures.
    """
    if len(one) != len(other):
        raise DataError(
            f"scores of {len(one)} and of {len(other)} pictures have no paired difference",
            do="score both on the same set",
        )
    first, second = one.statistic(), other.statistic()

    def apart(weights: Weights) -> float:
        return second(weights)[metric] - first(weights)[metric]

    return bootstrap(apart, len(one), rounds=ROUNDS)
