"""A run's folder: made new, found again where it was left, never written over by accident."""

from __future__ import annotations

import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from akitsu import __version__
from akitsu.errors import DataError, OutputError
from akitsu.recipes.recipe import Recipe
from akitsu.runtime.threads import available_threads

RECIPE = "recipe.yaml"
CARD = "card.json"
WEIGHTS = "best.safetensors"
MODEL = "model.onnx"
# Written last: a run that has it is complete.
METRICS = "metrics.json"
SUBMISSION = "submission.csv"
# Where a run may go on in another way than it began: its batches and its weights are the same.
MOVABLE = ("engine.devices", "engine.workers")
PACKAGES = ("torch", "numpy", "onnxruntime", "opencv_python_headless", "lightning_fabric")


def prepare(recipe: Recipe, out: Path | None, *, force: bool = False) -> tuple[Path, bool]:
    """The folder for a run of this recipe.

    Args:
        recipe: What shall run.
        out: The folder; None takes `runs/<recipe>/<n>`, the newest if it is the same recipe and
            unfinished, else the next number.
        force: Throw away what `out` holds.

    Returns:
        The folder, with recipe.yaml in it, and whether an unfinished run of this recipe is there.

    Raises:
        OutputError: If `out` holds a finished run, another recipe, or something else.
    """
    folder = _next(recipe) if out is None else out
    if force and (folder / RECIPE).is_file():
        shutil.rmtree(folder)
    if (folder / RECIPE).is_file():
        _require_same(recipe, folder)
        return folder, True
    if folder.exists() and (not folder.is_dir() or _foreign(folder)):
        raise OutputError(
            "this holds something that is no run of akitsu", where=folder, do="choose another --out"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "cannot be made").lower()
        raise OutputError(reason, where=folder, do="choose another --out") from error
    recipe.save(folder / RECIPE)
    if out is None:
        _point_latest(folder)
    return folder, False


def _foreign(folder: Path) -> list[Path]:
    """What is in a folder, but for a recipe that a killed run was still writing."""
    return [
        path for path in folder.iterdir() if not (path.name[0] == "." and path.suffix == ".yaml")
    ]


def is_finished(folder: Path) -> bool:
    """Whether the run came to its end."""
    return (folder / METRICS).is_file()


def read_recipe(folder: Path) -> Recipe:
    """The resolved recipe of a run.

    Raises:
        DataError: If the folder holds none.
    """
    from akitsu.recipes import recipe as recipes

    if not (folder / RECIPE).is_file():
        raise DataError(
            "this is no run of akitsu (it has no recipe.yaml)",
            where=folder,
            do="name the folder that `akitsu train` wrote, or a model.onnx",
        )
    return recipes.load(str(folder / RECIPE))


def environment(**more: Any) -> dict[str, Any]:
    """Versions and hardware, for environment.json and the results of benchmarks."""
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package.replace("_", "-"))
        except PackageNotFoundError:
            continue
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "akitsu": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": available_threads(),
        "versions": versions,
        **more,
    }


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return names[0] if names else platform.processor()


def _next(recipe: Recipe) -> Path:
    root = Path("runs") / recipe.name
    numbers = sorted(int(path.name) for path in root.glob("*") if path.name.isdecimal())
    newest = root / str(numbers[-1]) if numbers else None
    if newest is not None and not is_finished(newest) and _difference(recipe, newest) is None:
        return newest
    return root / str(numbers[-1] + 1 if numbers else 1)


def _point_latest(folder: Path) -> None:
    latest = folder.parent / "latest"
    latest.unlink(missing_ok=True)
    latest.symlink_to(folder.name)


def _require_same(recipe: Recipe, folder: Path) -> None:
    different = _difference(recipe, folder)
    if different is not None:
        raise OutputError(
            f"the run here was made with another {different}",
            where=folder,
            do="choose another --out, or replace it with --force",
        )
    if is_finished(folder):
        raise OutputError(
            "this run is finished",
            where=folder,
            do=f"score it with `akitsu evaluate {folder}`, choose another --out, or replace it "
            "with --force",
        )


def _difference(recipe: Recipe, folder: Path) -> str | None:
    """The first key in which the run's recipe differs, or None."""
    try:
        there = yaml.safe_load((folder / RECIPE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return "recipe.yaml that cannot be read"
    return _first_difference(recipe.model_dump(mode="json"), there, "")


def _first_difference(here: Any, there: Any, key: str) -> str | None:
    if isinstance(here, dict) and isinstance(there, dict):
        for name in [*here, *(set(there) - set(here))]:
            inner = f"{key}.{name}".strip(".")
            found = _first_difference(here.get(name), there.get(name), inner)
            if found is not None and found not in MOVABLE:
                return found
        return None
    return None if here == there else (key or "recipe.yaml")
