"""Colour jitter along the principal components of a set's colours.

Krizhevsky, Sutskever and Hinton, NIPS 2012, section 4.1: to every pixel of a picture is added
Σ α_i √λ_i p_i, where p_i and λ_i are eigenvectors and eigenvalues of the covariance of the
channels, and α_i ~ N(0, 0.1²) is drawn once a picture. Light that is brighter, or warmer, changes a
photograph along these directions. The paper prints λ_i; that is a variance, and would take 8-bit
pictures out of their range.
"""

from __future__ import annotations

import torch
from torch import Tensor

from akitsu.data.augment import Chance
from akitsu.errors import ShapeError

DEVIATION = 0.1  # of α in the paper


def principal_colours(images: Tensor) -> Tensor:
    """The directions in which the colours of a set vary, each one standard deviation long.

    Args:
        images: (B, C, H, W), uint8 or float; at least two pixels.

    Returns:
        (C, C) float32 in the unit of the pixels: row i is √λ_i p_i, the longest last. Its product
        `rows.T @ rows` is the covariance of the channels.

    Raises:
        ShapeError: If `images` has no four axes.

    Example:
        >>> grey = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
        >>> principal_colours(grey).abs().round(decimals=3)[-1]
        tensor([1., 1., 1.])
    """
    if images.ndim != 4:
        raise ShapeError(f"images have shape {tuple(images.shape)}", do="pass (B, C, H, W)")
    # In double precision: the squares of a million 8-bit pixels do not fit a float's 24 bits.
    pixels = images.transpose(0, 1).flatten(1).to(torch.float64)
    values, vectors = torch.linalg.eigh(torch.cov(pixels, correction=0).reshape(len(pixels), -1))
    colours: Tensor = (vectors * values.clamp(min=0).sqrt()).T.to(torch.float32)
    return colours


def shift_colours(
    images: Tensor, colours: Tensor, *, chance: Chance, deviation: float = DEVIATION
) -> Tensor:
    """Move all pixels of each picture by one random colour.

    Args:
        images: (B, C, H, W) float, in the unit of `colours`; results are not cut to a range.
        colours: (C, C) of `principal_colours`.
        chance: The only source of chance.
        deviation: Standard deviation of the α_i, 0 or more.

    Returns:
        (B, C, H, W): the covariance of the shift is deviation² times that of the pixels.
    """
    shifts = deviation * chance.normal(len(colours)) @ colours
    return images + shifts[:, :, None, None]
