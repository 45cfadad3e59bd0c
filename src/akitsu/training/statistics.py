"""Numbers that say how the values of a tensor lie, and which parameters to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from akitsu.errors import RecipeError, nearest

# A normal distribution has these parts below its mean -3, -2, -1, 0, 1, 2 and 3 deviations.
SIGMA_PERCENTILES = (0.13, 2.28, 15.87, 50.0, 84.13, 97.72, 99.87)
# Sorting all values of a large layer costs more than a step; some from everywhere lie alike.
MOST_SORTED = 100_000
# Multiples of it, their whole parts left out, fill the unit interval evenly and meet no period: a
# stride could fall on the same column of every row.
GOLDEN_RATIO = (5**0.5 - 1) / 2


def matching(model: nn.Module, pattern: str) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters whose name, or the name of whose layer, a pattern fits.

    Args:
        model: The network.
        pattern: As in a shell: "*" for all, "head.*", "*.weight", or a layer such as "backbone.0".
    """
    for name, parameter in model.named_parameters():
        layer = name.rpartition(".")[0]
        if parameter.numel() and (fnmatchcase(name, pattern) or fnmatchcase(layer, pattern)):
            yield name, parameter


def require_matches(model: nn.Module, patterns: Sequence[str], *, where: str) -> None:
    """Refuse a pattern that fits nothing.

    Raises:
        RecipeError: With the nearest name that there is.
    """
    for pattern in patterns:
        if next(matching(model, pattern), None) is None:
            names = [name for name, _ in model.named_parameters()]
            advice = nearest(pattern, names, otherwise='write "*" for all of them')
            raise RecipeError(f"no parameter is called {pattern!r}", where=where, do=advice)


@torch.no_grad()
def percentiles(values: Sequence[Tensor], at: Sequence[float]) -> Tensor:
    """Percentiles over all values together, those that are not finite left out.

    Of more than 100,000 values as many are taken, evenly from everywhere, so that the outermost
    percentiles are estimates there.

    Args:
        values: Tensors of any shape, on one device.
        at: P percentiles, 0 to 100.

    Returns:
        (P,) float32 on that device; NaN where there is no finite value.

    Example:
        >>> percentiles([torch.arange(101.0)], [0, 50, 99])
        tensor([ 0., 50., 99.])
    """
    share = MOST_SORTED / max(1, sum(each.numel() for each in values))
    chosen = torch.cat([_some(each.detach().reshape(-1), share).float() for each in values])
    finite = torch.where(chosen.isfinite(), chosen, torch.nan)
    parts = torch.tensor(at, dtype=torch.float32, device=finite.device) / 100
    return torch.nanquantile(finite, parts)


def _some(values: Tensor, share: float) -> Tensor:
    """That share of (N,) values, at least one and at most all."""
    if share >= 1:
        return values
    count = max(1, int(len(values) * share))
    places = torch.arange(count, dtype=torch.float64) * GOLDEN_RATIO % 1 * len(values)
    return values[places.long().to(values.device)]
