"""What is there is written down, what is written down is there, and both languages say the same."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import shlex
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

from akitsu import verbs
from akitsu.cli import make_app
from akitsu.data.formats import registry as formats
from akitsu.errors import nearest
from akitsu.models import registry as models
from akitsu.recipes.recipe import Recipe, built_in
from akitsu.runtime.card import ModelCard
from akitsu.tasks.classification import Classification
from akitsu.tasks.detection import Detection
from akitsu.tasks.segmentation import Segmentation

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
READMES = [ROOT / "README.md", ROOT / "README.ja.md"]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
OUTSIDE = ("https://", "http://")

# As cli.py finds them: a file beside them without a function of its name is no verb.
VERBS = [
    module.name.rstrip("_")
    for module in pkgutil.iter_modules(verbs.__path__)
    if hasattr(importlib.import_module(f"{verbs.__name__}.{module.name}"), module.name)
]


def _text(*paths: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def _blocks(path: Path, language: str) -> list[str]:
    found = FENCE.findall(path.read_text(encoding="utf-8"))
    return [body for _, name, body in found if name == language]


def _names_by_kind() -> dict[str, list[str]]:
    return {
        "verb": [f"akitsu {name}" for name in VERBS],
        "recipe": [f"`{name}`" for name in built_in()],
        "model": [f"`{name}`" for name in models.entries()],
        "format": [f"`{name}`" for name in formats.readers()],
        "card field": [f"`{name}`" for name in ModelCard.__dataclass_fields__],
    }


def _keys() -> list[tuple[str, str]]:
    """Every key of a recipe with the heading under which it belongs."""
    keys = [("At the top", name) for name in Recipe.model_fields]
    for section, field in Recipe.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [(section, name) for name in kind.model_fields]
    return keys


def _losses() -> list[tuple[str, str]]:
    """Every task with each option of its loss."""
    return [
        (task.name, option)
        for task in (Classification, Detection, Segmentation)
        for option in signature(task).parameters
    ]


def _commands(path: Path) -> list[list[str]]:
    """The words of every line in a bash block that calls akitsu."""
    lines = "\n".join(_blocks(path, "bash")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.partition(" > ")[0], comments=True) for line in lines]
    return [line[1:] for line in words if line[:1] == ["akitsu"]]


@pytest.mark.parametrize("kind", ["verb", "recipe", "model", "format", "card field"])
def test_everything_registered_is_named_in_the_documentation(kind):
    names = _names_by_kind()[kind]
    text = _text(*PAGES)

    missing = [name for name in names if name not in text]

    assert names
    assert missing == []


def test_every_key_of_a_recipe_has_its_line_in_the_guide():
    parts = re.split(r"^### (.*)$", _text(DOCS / "guides/recipes.md"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))

    missing = [(part, key) for part, key in _keys() if f"| `{key}` |" not in sections[part]]

    assert missing == []


def test_every_option_of_a_loss_has_its_line_in_the_guide():
    guide = _text(DOCS / "guides/recipes.md")

    missing = [(task, key) for task, key in _losses() if f"| {task} | `{key}` |" not in guide]

    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_that_are_there(page):
    links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))

    inside = [link.partition("#")[0] for link in links if not link.startswith(OUTSIDE)]

    assert [link for link in inside if link and not (page.parent / link).exists()] == []


def test_the_navigation_holds_every_page_once():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    entries = sorted(_leaves(nav))

    assert entries == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def _leaves(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node
    return [leaf for child in children for leaf in _leaves(child)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_shown_is_one_that_the_command_line_takes(page):
    """Each is parsed, not run: verbs, options and the values of choices have to exist."""
    group: Any = typer.main.get_command(make_app())
    for verb, *arguments in _commands(page):
        assert verb in group.commands, nearest(verb, group.commands, otherwise=verb)

        group.commands[verb].make_context(verb, list(arguments))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_shown_compiles_and_imports_what_there_is(page):
    for block in _blocks(page, "python"):
        compile(block, str(page), "exec")
        for line in re.findall(r"^(?:from|import) .*$", block, re.MULTILINE):
            names: dict[str, Any] = {}
            exec(line, names)
            assert len(names) > 1, f"{line} brings nothing"


def test_both_readmes_name_the_same_verbs_commands_and_programs():
    english, japanese = READMES

    for language in ("bash", "python"):
        assert _bare(_blocks(english, language)) == _bare(_blocks(japanese, language))
    assert _table_verbs(english) == _table_verbs(japanese) == set(VERBS)


def _bare(blocks: list[str]) -> list[str]:
    """Comments are translated; the commands and the code are not."""
    return [re.sub(r"  #.*", "", block) for block in blocks]


def _table_verbs(page: Path) -> set[str]:
    return set(re.findall(r"^\| `akitsu (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("readme", READMES, ids=lambda readme: readme.name)
def test_every_make_target_and_program_that_a_readme_shows_is_there(readme):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    text = readme.read_text(encoding="utf-8")

    shown = re.findall(r"\bmake ([a-z-]+)(?=[`\n])", text)
    programs = re.findall(r"python (\S+\.py)", text)

    assert {"demo", "test"} <= set(shown) <= set(targets)
    assert programs
    assert all((ROOT / program).is_file() for program in programs)


def test_the_page_of_results_is_what_the_files_say():
    program = ROOT / "benchmarks/results_page.py"
    spec = importlib.util.spec_from_file_location("results_page", program)
    assert spec is not None
    assert spec.loader is not None
    results_page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(results_page)

    written = results_page.page(DOCS / "results")

    assert _text(DOCS / "results.md") == written
