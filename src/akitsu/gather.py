"""Registries find their parts here: every module of a folder is imported, and registers itself."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points


def import_all(*packages: str, entry_point: str | None = None) -> None:
    """Import every module of some packages, then what third parties announce.

    Args:
        packages: Such as "akitsu.models.detection"; each is a folder of modules.
        entry_point: Group of the entry points that are loaded as well, such as "akitsu.models".
    """
    for name in packages:
        package = importlib.import_module(name)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{name}.{module.name}")
    if entry_point is not None:
        for point in entry_points(group=entry_point):
            point.load()
