"""One recipe with several seeds: how much of a score is the recipe, and how much is luck."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from akitsu.errors import OutputError, RecipeError
from akitsu.files import read_json, write_json
from akitsu.recipes import directory
from akitsu.recipes.finish import read_log
from akitsu.recipes.one_process import require_one_process
from akitsu.recipes.recipe import Recipe
from akitsu.recipes.train import Say, train
from akitsu.report.seeds import draw_seeds
from akitsu.scores.interval import COVERAGE
from akitsu.tasks.task import make_task

DOCUMENT, PICTURE = "seeds.json", "seeds.png"


@dataclass(frozen=True)
class Spread:
    """A score over several seeds.

    Attributes:
        values: The score of each seed; NaN where it is not defined.
        mean: Their mean.
        low: Lower end of the 95 % interval of the mean; NaN for a single seed.
        high: Its upper end.
    """

    values: tuple[float, ...]
    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, Any]:
        """The same for a machine."""
        return {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "values": list(self.values),
        }


def spread(values: Sequence[float]) -> Spread:
    """The mean of a score over seeds, with its 95 % interval by Student's t (1908).

    The interval is that of the mean over all seeds that could have been, for these pictures; a
    score of 99 % may have an end above 100 %.

    Example:
        >>> found = spread([0.90, 0.92, 0.94])
        >>> f"{found.mean:.3f} {found.low:.3f} {found.high:.3f}"
        '0.920 0.870 0.970'
    """
    from scipy.special import stdtrit

    array = np.array(values, dtype=np.float64)
    mean, n = float(array.mean()), len(array)
    if n < 2:
        return Spread(tuple(values), mean, float("nan"), float("nan"))
    quantile = float(stdtrit(n - 1, (1 + COVERAGE) / 2))
    half = quantile * float(array.std(ddof=1)) / n**0.5
    return Spread(tuple(values), mean, mean - half, mean + half)


def train_seeds(
    recipe: Recipe, out: Path | None = None, *, seeds: int, say: Say, force: bool = False
) -> Path:
    """Run a recipe with its seed and the ones after it, each in a folder of its own.

    Seeds that are finished in `out` are not run again, so that the same call goes on where it
    stopped, and one with more seeds adds to the folder.

    Args:
        recipe: What to run.
        out: The folder of all; None: `runs/<recipe>-seeds/<n>`.
        seeds: How many, at least 2.
        say: Is told in plain lines what is going on.
        force: Throw away what `out` holds.

    Returns:
        The folder, with `seed-<n>/` of each, `seeds.json` and `seeds.png`.

    Raises:
        OutputError: If `out` holds runs of another recipe, or something else.
        RecipeError: If `seeds` is below 2, or the recipe names what there is not.
    """
    if seeds < 2:
        what = f"{seeds} says nothing about luck"
        raise RecipeError(what, where="--seeds", do="write 2 or more")
    require_one_process(recipe, purpose="--seeds")
    recipes = [recipe.model_copy(update={"seed": recipe.seed + number}) for number in range(seeds)]
    folder = _next(recipes) if out is None else out
    _prepare(folder, force=force)
    for each in recipes:
        _require_same(each, _of(folder, each))
    for number, each in enumerate(recipes, 1):
        run = _of(folder, each)
        if directory.is_finished(run):
            say(f"seed {each.seed} ({number} of {seeds}): {run} is finished")
        else:
            say(f"seed {each.seed} ({number} of {seeds})")
            train(each, run, say=say)
    _write(folder, recipes)
    return folder


def _of(folder: Path, recipe: Recipe) -> Path:
    return folder / f"seed-{recipe.seed}"


def _next(recipes: Sequence[Recipe]) -> Path:
    """The newest folder of this recipe that lacks seeds, or a new one."""
    root = Path("runs") / f"{recipes[0].name}-seeds"
    numbers = sorted(int(path.name) for path in root.glob("*") if path.name.isdecimal())
    newest = root / str(numbers[-1] if numbers else 1)
    runs = [_of(newest, each) for each in recipes]
    differs = any(map(_differs, recipes, runs)) or not any(map(_is_run, runs))
    if numbers and (differs or all(map(directory.is_finished, runs))):
        return root / str(numbers[-1] + 1)
    return newest


def _is_run(folder: Path) -> bool:
    return (folder / directory.RECIPE).is_file()


def _differs(recipe: Recipe, folder: Path) -> bool:
    """Whether the folder holds a run of another recipe; the engine changes no weights."""
    if not _is_run(folder):
        return False
    there = directory.read_recipe(folder)
    return there.model_dump(exclude={"engine"}) != recipe.model_dump(exclude={"engine"})


def _require_same(recipe: Recipe, folder: Path) -> None:
    if _differs(recipe, folder):
        raise OutputError(
            "the run here was made with another recipe",
            where=folder,
            do="choose another --out, or replace all with --force",
        )


def _prepare(folder: Path, *, force: bool) -> None:
    """Refuse a folder that holds something else; with force, throw runs of seeds away."""
    if not folder.exists():
        return
    inside = [path.name for path in folder.iterdir()] if folder.is_dir() else [""]
    ours = [name for name in inside if name.startswith("seed-") or name in (DOCUMENT, PICTURE)]
    if inside and not ours:
        what = "this holds something that is no set of seeds"
        raise OutputError(what, where=folder, do="choose another --out")
    if force:
        shutil.rmtree(folder)


def _write(folder: Path, recipes: Sequence[Recipe]) -> None:
    """Write seeds.json and seeds.png from the runs."""
    documents = [read_json(_of(folder, each) / directory.METRICS) for each in recipes]
    scores = [_flat(document["metrics"]) for document in documents]
    spreads = {
        name: spread([each.get(name, float("nan")) for each in scores]) for name in scores[0]
    }
    score = make_task(recipes[0].task, recipes[0].loss).score
    write_json(
        folder / DOCUMENT,
        {
            "recipe": recipes[0].name,
            "task": recipes[0].task,
            "n": documents[0]["n"],
            "seeds": [each.seed for each in recipes],
            "score": score,
            "metrics": {name: each.to_json() for name, each in spreads.items()},
        },
    )
    draw_seeds(
        folder / PICTURE,
        {each.seed: read_log(_of(folder, each)) for each in recipes},
        score=score,
        finals=dict(zip([each.seed for each in recipes], spreads[score].values, strict=True)),
        interval=(spreads[score].mean, spreads[score].low, spreads[score].high),
    )


def _flat(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The value of each score, that of one class under `iou/Sky`; NaN where it is not defined."""
    values: dict[str, float] = {}
    for name, numbers in metrics.items():
        if "value" in numbers:
            values[name] = _float(numbers["value"])
        else:
            group = name.removesuffix("_per_class")
            values |= {f"{group}/{key}": _float(each["value"]) for key, each in numbers.items()}
    return values


def _float(value: float | None) -> float:
    return float("nan") if value is None else float(value)
