"""The file of a search space, read with a sentence for every mistake: file, line, key, advice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from akitsu.errors import RecipeError, nearest
from akitsu.recipes.search_space import FIXED, Choices, Range, SearchSpace, all_keys

SYNONYMS = {"min": "low", "max": "high", "minimum": "low", "maximum": "high"}
# YAML 1.1 wants a point in 1.0e-4; people write 1e-4, and mean a number.
NUMBER_WITHOUT_POINT = re.compile(r"[+-]?[0-9]+[eE][+-]?[0-9]+")


def load_space(path: Path) -> SearchSpace:
    """Read a search space.

    Raises:
        RecipeError: Naming the line and the key that says no values.
    """
    document, lines = _parse(path)
    space = SearchSpace({}, source=str(path), lines=lines)
    parameters: dict[str, Range | Choices] = {}
    for key, value in document.items():
        place = space.place(key)
        if key.split(".")[0] in FIXED:
            what = f"trials that differ in {key} cannot be compared by their scores"
            raise RecipeError(what, where=place, do="leave this key out, or change it with --set")
        if isinstance(value, Mapping):
            parameters[key] = _range(key, value, space)
        elif isinstance(value, list):
            parameters[key] = _choices(value, place)
        else:
            example = "{low: 1e-4, high: 1e-2, log: true} or [32, 64]"
            raise RecipeError(f"{value!r} says no values", where=place, do=f"write {example}")
    return SearchSpace(parameters, source=str(path), lines=lines)


def _range(key: str, value: Mapping[str, Any], space: SearchSpace) -> Range:
    place = space.place(key)
    try:
        found = Range.model_validate({name: _number(each) for name, each in value.items()})
    except ValidationError as error:
        raise _explain_range(error, key, space) from error
    if not all(isfinite(n) for n in (found.low, found.high, found.step or 0)):
        raise RecipeError("a range needs two ends", where=place, do="write finite numbers")
    if found.low >= found.high:
        what = f"low ({found.low}) is not below high ({found.high})"
        raise RecipeError(what, where=place, do="swap them, or leave this key out")
    if found.log and found.low <= 0:
        advice = "write a low above 0, or leave log out"
        raise RecipeError(
            f"a logarithmic range cannot begin at {found.low}", where=place, do=advice
        )
    if found.step is not None and not 0 < found.step <= found.high - found.low:
        what = f"a step of {found.step} leaves one value of {found.low} to {found.high}"
        raise RecipeError(what, where=place, do="write a smaller one above 0")
    if found.log and found.step not in (None, 1):
        what = "a logarithmic range has no step but 1 (for whole numbers)"
        raise RecipeError(what, where=place, do="leave step or log out")
    return found


def _explain_range(error: ValidationError, key: str, space: SearchSpace) -> RecipeError:
    # A word too many explains a word that is missing.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    name = str(first["loc"][0]) if first["loc"] else ""
    place = space.place(f"{key}.{name}")
    if first["type"] == "extra_forbidden":
        known = list(Range.model_fields)
        # A section of the recipe was opened, as recipes do; here a key is written out in full.
        if any(f"{key}.{name}" in (each, *_parents(each)) for each in all_keys()):
            advice = f"write {key}.{name} with its own values, at the left margin"
            return RecipeError(f"{key} is a section", where=place, do=advice)
        otherwise = f"the keys here are {', '.join(known)}"
        advice = (
            f"write {SYNONYMS[name]}"
            if name in SYNONYMS
            else nearest(name, known, otherwise=otherwise)
        )
        return RecipeError("there is no such key", where=place, do=advice)
    if first["type"] == "missing":
        what = f"a range needs low and high, and {name} is missing"
        return RecipeError(what, where=space.place(key), do=f"add {name}")
    return RecipeError(f"{first['input']!r} is no number", where=place, do="write a number")


def _choices(values: list[Any], place: str) -> Choices:
    try:
        texts = [json.dumps(_number(value), allow_nan=False) for value in values]
    except (TypeError, ValueError, RecursionError) as error:
        what = "one of these is no number, word or list of them"
        raise RecipeError(what, where=place, do="put words in quotes") from error
    if len(set(texts)) < len(texts):
        raise RecipeError("a value stands here twice", where=place, do="write each one once")
    if len(texts) < 2:
        advice = "write two or more, or set it in the recipe"
        raise RecipeError("there is nothing to choose from", where=place, do=advice)
    return Choices(values=tuple(json.loads(text) for text in texts))


def _number(value: Any) -> Any:
    if isinstance(value, str) and NUMBER_WITHOUT_POINT.fullmatch(value):
        return float(value)
    return [_number(each) for each in value] if isinstance(value, list) else value


def _parse(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The document, and the line of each key and of each key inside it."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RecipeError("there is no such file", where=path, do="check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        what = "this file cannot be read as UTF-8 text"
        raise RecipeError(what, where=path, do="name a YAML file") from error
    try:
        document = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "this is no YAML"
        raise RecipeError(problem, where=f"{path}{line}", do="mend the YAML") from error
    except (RecursionError, ValueError) as error:
        raise RecipeError("this is no YAML that makes sense", where=path, do="mend it") from error
    if not isinstance(document, dict) or not document or not all(map(_is_word, document)):
        what = "a search space is a list of recipe keys with their values"
        raise RecipeError(what, where=path, do='begin with "optimizer.lr: {low: …, high: …}"')
    return document, dict(_lines(root))


def _is_word(key: object) -> bool:
    return isinstance(key, str)


def _lines(root: Any) -> Iterator[tuple[str, int]]:
    for key, value in root.value:
        yield key.value, key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            for inner, _ in value.value:
                yield f"{key.value}.{inner.value}", inner.start_mark.line + 1


def _parents(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]
