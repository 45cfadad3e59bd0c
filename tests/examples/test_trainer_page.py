"""The page of the Trainer: its pieces are short, all of them are shown, and no part is left out."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

from akitsu.training import extensions, hooks, schedules, triggers, value_triggers
from akitsu.training.extension import Extension

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/trainer"
GUIDE = ROOT / "docs/guides/trainer.md"
PAGES = sorted((ROOT / "docs").rglob("*.md"))

PIECE = re.compile(r"# --8<-- \[start:(\w+)\]\n(.*?)# --8<-- \[end:\1\]", re.DOTALL)
INCLUDE = re.compile(r'^--8<-- "(examples/trainer/\w+\.py):(\w+)"$', re.MULTILINE)


def pieces() -> list[tuple[str, str, str]]:
    """File, name and text of every piece."""
    return [
        (file.relative_to(ROOT).as_posix(), name, body.strip())
        for file in sorted(FOLDER.glob("*.py"))
        for name, body in PIECE.findall(file.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize(("file", "name", "body"), pieces(), ids=lambda value: value[-24:])
def test_each_piece_is_under_twenty_lines_and_on_the_page(file, name, body):
    assert len(body.splitlines()) < 20
    assert (file, name) in INCLUDE.findall(GUIDE.read_text(encoding="utf-8"))


def test_all_code_of_the_page_is_of_those_pieces():
    known = {(file, name) for file, name, _ in pieces()}
    blocks = re.findall(r"^```(?!text)\S+\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)

    assert blocks
    assert all(set(INCLUDE.findall(block)) <= known for block in blocks)
    assert [block for block in blocks if INCLUDE.sub("", block).strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_formatter_has_taken_an_include_for_code(page):
    """`ruff format` makes `--8 < --"…"` of one in a block that is called python."""
    lines = [
        line for line in page.read_text("utf-8").splitlines() if re.match(r"\s*-- ?8\s*<", line)
    ]

    assert [line for line in lines if not re.fullmatch(r'--8<-- "[\w./]+(:\w+)?"', line)] == []
    assert all((ROOT / line.split('"')[1].partition(":")[0]).is_file() for line in lines)


def public(module: ModuleType, wanted) -> list[str]:
    """Names of what a module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and wanted(value)
    ]


def names() -> dict[str, list[str]]:
    modules = [
        importlib.import_module(f"{extensions.__name__}.{each.name}")
        for each in pkgutil.iter_modules(extensions.__path__)
    ]
    return {
        "extension": [
            name
            for module in modules
            for name in public(module, lambda each: inspect.isclass(each))
            if issubclass(getattr(module, name), Extension)
        ],
        "trigger": [
            name
            for module in (triggers, value_triggers)
            for name in public(module, inspect.isclass)
            if name.endswith("Trigger")
        ],
        "hook": public(hooks, inspect.isclass),
        "schedule": public(schedules, inspect.isfunction),
    }


@pytest.mark.parametrize("kind", ["extension", "trigger", "hook", "schedule"])
def test_every_extension_trigger_hook_and_schedule_is_named_on_the_page(kind):
    text = GUIDE.read_text(encoding="utf-8")

    missing = [name for name in names()[kind] if f"`{name}`" not in text]

    assert len(names()[kind]) > 5
    assert missing == []
