"""A search space: for keys of a recipe, the values that a search may try."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from akitsu.errors import RecipeError, nearest
from akitsu.recipes.recipe import Recipe, Section

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

# With others of these, two scores would answer two questions, or tell luck from luck.
FIXED = ("name", "description", "task", "seed", "data", "engine")
# In steps: 0.1 + 2 * 0.1 may be 0.30000000000000004.
TIE = 1e-9


class Range(Section):
    """Numbers from `low` to `high`, both included.

    `step` leaves only `low`, `low + step`, …; where `low` and `step` are whole, so are the values.
    `log` tries as many values below as above the geometric mean.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return self.step is not None and all(float(n).is_integer() for n in (self.low, self.step))

    def suggest(self, trial: BaseTrial, key: str) -> int | float:
        """The value that Optuna chooses."""
        if self.is_whole:
            assert self.step is not None
            low, high, step = int(self.low), floor(self.high), int(self.step)
            return trial.suggest_int(key, low, high, step=step, log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def encoded(self, value: Any) -> int | float | None:
        """The value as Optuna keeps it; None if it is not in the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        if not self.low <= value <= self.high:
            return None
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        if abs(steps - round(steps)) > TIE:
            return None
        return int(value) if self.is_whole else float(value)

    def decoded(self, value: Any) -> Any:
        """The recipe's value of what Optuna keeps."""
        return value

    def to_json(self) -> dict[str, Any]:
        """As the file says it."""
        return self.model_dump(exclude_defaults=True)

    def probes(self) -> list[Any]:
        """Values that a recipe has to take if it shall take them all."""
        if self.is_whole:
            return [int(self.low), floor(self.high)]
        middle = self.low + (self.high - self.low) / 3
        return [float(self.low), float(self.high), *([] if self.step is not None else [middle])]


class Choices(Section):
    """A list of values, each of which YAML can write: numbers, words, lists of these."""

    values: tuple[Any, ...]

    def suggest(self, trial: BaseTrial, key: str) -> Any:
        """The value that Optuna chooses."""
        return self.decoded(trial.suggest_categorical(key, self._texts()))

    def encoded(self, value: Any) -> str | None:
        """The value as Optuna keeps it; None if it is not among the choices."""
        return next((text for text in self._texts() if json.loads(text) == value), None)

    def decoded(self, value: Any) -> Any:
        """The recipe's value of what Optuna keeps."""
        return json.loads(value)

    def to_json(self) -> list[Any]:
        """As the file says it."""
        return list(self.values)

    def probes(self) -> list[Any]:
        """All values."""
        return list(self.values)

    def _texts(self) -> list[str]:
        # Optuna's stores keep no lists, and hold 1, 1.0 and true for one choice.
        return [json.dumps(value) for value in self.values]


@dataclass(frozen=True)
class SearchSpace:
    """What to try, by dotted keys of a recipe.

    Attributes:
        parameters: By key.
        source: The file it was read from, for messages.
        lines: The line of each key in that file.
    """

    parameters: Mapping[str, Range | Choices]
    source: str = "the search space"
    lines: Mapping[str, int] = field(default_factory=dict)

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """The values that Optuna chooses for one trial."""
        return {key: each.suggest(trial, key) for key, each in self.parameters.items()}

    def encoded(self, recipe: Recipe) -> dict[str, Any]:
        """The recipe's own values as Optuna keeps them, as far as they are in the space."""
        document = recipe.model_dump(mode="json")
        pairs = {key: each.encoded(_get(document, key)) for key, each in self.parameters.items()}
        return {key: value for key, value in pairs.items() if value is not None}

    def decoded(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """The recipe's values of what Optuna keeps."""
        return {k: each.decoded(kept[k]) for k, each in self.parameters.items() if k in kept}

    def to_json(self) -> dict[str, Any]:
        """The space as its file says it, with every default left out."""
        return {key: each.to_json() for key, each in self.parameters.items()}

    def to_yaml(self) -> str:
        """The text of a file that says this space."""
        # The keys are short, and a person edits them: one line each.
        return "".join(
            yaml.safe_dump({key: value}, default_flow_style=None, sort_keys=False, width=1000)
            for key, value in self.to_json().items()
        )

    def require(self, recipe: Recipe, *, check: Callable[[Recipe], object]) -> None:
        """Try every key's ends, or all its choices, on a recipe.

        Args:
            recipe: What the values shall be put into.
            check: Raises a RecipeError for what the schema of recipes cannot know.

        Raises:
            RecipeError: Naming file, line and key.
        """
        for key, parameter in self.parameters.items():
            for value in parameter.probes():
                try:
                    check(with_values(recipe, {key: value}))
                except ValidationError as error:
                    raise self._explain(error, key, value) from error
                except RecipeError as error:
                    raise RecipeError(error.what, where=self.place(key), do=error.do) from error

    def place(self, key: str) -> str:
        """Where a key stands, as an error names it."""
        shortened = [key[: len(key) - cut] for cut in range(len(key))]
        line = next((self.lines[each] for each in shortened if each in self.lines), None)
        return f"{self.source}:{line}, {key}" if line else f"{self.source}, {key}"

    def _explain(self, error: ValidationError, key: str, value: Any) -> RecipeError:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            return RecipeError("there is no such key", where=self.place(key), do=_nearest_key(key))
        parameter = self.parameters[key]
        if first["type"].startswith("int_") and isinstance(parameter, Range):
            what, advice = "this key takes whole numbers", "add step: 1"
        else:
            message = first["msg"][:1].lower() + first["msg"][1:]
            what, advice = f"{value!r} does not fit", message.replace("input should", "it should")
        return RecipeError(what, where=self.place(key), do=advice)


def default_space(recipe: Recipe) -> SearchSpace:
    """What to try where nobody says it: learning rate, decay and batch size around the recipe's."""
    lr, decay, batch = recipe.optimizer.lr, recipe.optimizer.weight_decay, recipe.batch_size
    parameters: dict[str, Range | Choices] = {
        "optimizer.lr": Range(low=_rounded(lr / 10), high=_rounded(lr * 10), log=True)
    }
    if decay > 0:
        low, high = _rounded(decay / 10), _rounded(decay * 10)
        parameters["optimizer.weight_decay"] = Range(low=low, high=high, log=True)
    sizes = sorted({max(1, batch // 2), batch, batch * 2})
    parameters["batch_size"] = Choices(values=tuple(sizes))
    return SearchSpace(parameters, source="the default search space")


def with_values(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """The recipe with other values under some dotted keys.

    Raises:
        ValidationError: If they do not fit (pydantic's own).
    """
    document = recipe.model_dump(mode="json")
    for key, value in values.items():
        *sections, last = key.split(".")
        place = document
        for section in sections:
            inner = place.setdefault(section, {})
            # A key that leads through a value is one that the schema does not know.
            place = inner if isinstance(inner, dict) else place.setdefault(key, {})
        place[last] = value
    return Recipe.model_validate(document)


def _get(document: Any, key: str) -> Any:
    for part in key.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _nearest_key(key: str) -> str:
    """Advice for a key that recipes do not have: one alike, or one that ends alike."""
    known = [each for each in all_keys() if each.split(".")[0] not in FIXED]
    last = key.rsplit(".", 1)[-1]
    # A key spelled out where the recipe abbreviates is the commonest slip.
    if last in ("learning_rate", "learningrate", "rate", "lr"):
        return "write optimizer.lr"
    by_last = {each.rsplit(".", 1)[-1]: each for each in reversed(known)}
    if last in by_last:
        return f"write {by_last[last]}"
    advice = nearest(key, known, otherwise="")
    if advice:
        return advice
    advice = nearest(last, by_last, otherwise="`akitsu recipes digits` shows the keys")
    name = advice.removeprefix("write ")
    return f"write {by_last[name]}" if name in by_last else advice


def all_keys() -> list[str]:
    """The dotted keys of all recipes; a network and a loss have more of their own."""
    keys = []
    for name, info in Recipe.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += [f"{name}.{inner}" for inner in kind.model_fields]
        else:
            keys.append(name)
    return keys
