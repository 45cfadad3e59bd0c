"""What makes several runs one after the other takes one process for each: others would join in."""

from __future__ import annotations

import os

from akitsu.errors import RecipeError
from akitsu.recipes.recipe import Recipe


def require_one_process(recipe: Recipe, *, purpose: str) -> None:
    """Refuse several devices, and torchrun's processes.

    Args:
        recipe: What shall run.
        purpose: Who asks, as in "a search".

    Raises:
        RecipeError: If there would be more than one process in a run.
    """
    if recipe.engine.devices > 1 or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RecipeError(
            f"{purpose} makes its runs in one process each",
            where="engine.devices",
            do="write 1 (several workers of a search share one study)",
        )
