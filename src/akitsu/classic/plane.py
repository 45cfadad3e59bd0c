"""The plane on which decision regions are drawn: two inputs, or a cut through more of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.problem import Problem


@dataclass(frozen=True)
class Plane:
    """A plane through the space of the inputs.

    Attributes:
        points: (N, 2): each row's place on it, or, off a cut, the nearest one.
        names: Of its two axes.
        centre: (F,): the inputs at the point (0, 0).
        axes: (2, F): how the inputs change along each axis.
        is_cut: Whether the rows lie beside it, since there are more than two inputs.
    """

    points: NDArray[np.float64]
    names: tuple[str, str]
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    is_cut: bool

    def inputs_at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(M, 2) places on the plane as (M, F) inputs."""
        inputs: NDArray[np.float64] = self.centre + points @ self.axes
        return inputs


def plane_of(problem: Problem) -> Plane | None:
    """The plane of two inputs; of more, the one along which standardised rows differ most.

    That one goes through the mean of the rows, along their first two principal components. One
    input makes no plane, and gives None.
    """
    inputs, names = problem.inputs, problem.input_names
    if inputs.shape[1] < 2:
        return None
    if inputs.shape[1] == 2:
        return Plane(inputs, (names[0], names[1]), np.zeros(2), np.eye(2), is_cut=False)
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    standardised = (inputs - mean) / scale
    _, singular, directions = np.linalg.svd(standardised, full_matrices=False)
    first = directions[:2]
    # A direction and its negative are the same component; so the picture comes out the same.
    largest = np.abs(first).argmax(axis=1)
    first = first * np.sign(first[np.arange(2), largest])[:, None]
    shares = singular**2 / max(float((singular**2).sum()), 1e-300)
    one, two = (
        f"component {number} ({100 * share:.0f} %)"
        for number, share in zip((1, 2), shares, strict=False)
    )
    return Plane(standardised @ first.T, (one, two), mean, first * scale, is_cut=True)
