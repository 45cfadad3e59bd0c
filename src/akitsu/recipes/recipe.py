"""A recipe: everything that makes a run what it is, in one YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from akitsu.errors import RecipeError, nearest
from akitsu.files import write_text
from akitsu.runtime.tiles import LARGEST_OVERLAP

FOLDER = Path(__file__).parent

SizeHW = tuple[int, int]


def _several(value: object) -> object:
    """One text stands for a list of one."""
    return [value] if isinstance(value, str) else value


# Globs on the names of parameters; a single one needs no brackets.
Globs = Annotated[tuple[str, ...], BeforeValidator(_several)]


class Section(BaseModel):
    """A part of a recipe: no key that it does not know, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Section):
    """Where the pictures come from.

    `size_hw` is the size at which training pictures are held in memory (default: the model's
    input); a larger one leaves room for crops. `in_memory: false` reads each batch from the disk
    (null: where the set would take more than half of the memory).
    """

    path: str | None = None
    format: str | None = None
    classes: list[str] | None = None
    ignore: int | None = Field(default=None, ge=0, le=255)
    skip_broken: bool = False
    train: str = "train"
    validation: str = "val"
    size_hw: SizeHW | None = None
    in_memory: bool | None = None


class ModelSettings(BaseModel):
    """Which network, on what input; every further key is an option of the network.

    With a `tile_overlap` a detector keeps pictures at their own size, learns from crops of them,
    and looks at tiles, of which neighbours share this part.
    `pretrained` are weights to begin with: a file, true for those of the library that the network
    is from, or "auto" for these where they can be had. With weights the name may be "auto", too,
    and the head may begin as a regression on their features ("fitted").
    `freeze` are globs on the names of parameters that do not learn, `unfreeze` says of some of
    them after which part of the run they do.
    """

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())

    name: str
    input_hw: SizeHW
    channels: Literal[1, 3] = 3
    pad_value: int = Field(default=114, ge=0, le=255)
    tile_overlap: float = Field(default=0.0, ge=0, le=LARGEST_OVERLAP)
    pretrained: str | bool | None = None
    new_head: Literal["plain", "fitted"] = "plain"
    freeze: Globs = ()
    unfreeze: tuple[tuple[Annotated[float, Field(gt=0, lt=1)], str], ...] = ()

    @property
    def options(self) -> dict[str, Any]:
        """The network's own options."""
        return dict(self.model_extra or {})


class GroupSettings(Section):
    """Parameters that learn at a rate of their own."""

    match: Globs
    lr_scale: float = Field(default=1.0, gt=0)


class OptimizerSettings(Section):
    """The optimizer; biases and normalisation weights are not decayed.

    `backbone_lr_scale` is what the learning rate is multiplied by for all but the head; `groups`
    says more: each parameter has to fall in exactly one.
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.999, ge=0, lt=1)
    clip_norm: float | None = Field(default=None, gt=0)
    backbone_lr_scale: float | None = Field(default=None, gt=0)
    groups: list[GroupSettings] = []


class ScheduleSettings(Section):
    """How the learning rate moves over the run; what is null is the schedule's own default."""

    name: Literal[
        "one-cycle",
        "cosine",
        "linear",
        "polynomial",
        "exponential",
        "inverse",
        "step",
        "multistep",
        "constant",
    ] = "one-cycle"
    warmup: float = Field(default=0.05, ge=0, lt=1)
    final: float = Field(default=0.0, ge=0)
    power: float | None = Field(default=None, gt=0)
    gamma: float | None = Field(default=None, gt=0)
    parts: int | None = Field(default=None, ge=1)
    at: tuple[Annotated[float, Field(gt=0, lt=1)], ...] | None = None


class AugmentSettings(Section):
    """Augmentation by the batch; the ranges are explained in `akitsu.data.augment`.

    `sizes_hw` are sizes of the input of which one is drawn anew every `sizes_every` iterations.
    """

    crop_hw: SizeHW | None = None
    sizes_hw: list[SizeHW] = []
    sizes_every: int = Field(default=10, ge=1)
    flip: float = Field(default=0.0, ge=0, le=1)
    flip_vertical: float = Field(default=0.0, ge=0, le=1)
    quarter_turns: bool = False
    scale: tuple[float, float] = (1.0, 1.0)
    aspect: float = Field(default=0.0, ge=0)
    rotate_deg: float = Field(default=0.0, ge=0)
    shear: float = Field(default=0.0, ge=0)
    shift: float = Field(default=0.0, ge=0)
    elastic_px: float = Field(default=0.0, ge=0)
    brightness: float = Field(default=0.0, ge=0)
    contrast: float = Field(default=0.0, ge=0)
    colour: float = Field(default=0.0, ge=0)
    erase: float = Field(default=0.0, ge=0, le=1)
    min_visibility: float = Field(default=0.25, ge=0, le=1)


class ExtensionSettings(Section):
    """What hangs on the run.

    `average` is the decay of the averaged weights, which are the ones that are scored and
    exported (null: none are kept); `evaluate` is how often they are scored on the validation set,
    which keeps the best (null: never, and the last are exported); `patience` ends the run when the
    score has not risen for so many evaluations (null: never); `more` names third parties'
    extensions.
    """

    average: float | None = Field(default=0.99, gt=0, lt=1)
    evaluate: tuple[int, Literal["epoch", "iteration"]] | None = (1, "epoch")
    patience: int | None = Field(default=None, ge=1)
    snapshot_seconds: float = Field(default=20.0, gt=0)
    more: list[str] = []


class EngineSettings(Section):
    """What the run is computed with.

    `devices` are processes on this computer, one a device (under torchrun they are counted by it);
    `workers` are processes that read pictures ahead (null: none for pictures in memory, else one a
    core); `accumulate` cuts each batch in so many parts, to save memory; `compile` turns the whole
    step into one program, which needs a C++ compiler, and minutes at the start of a deep network;
    `strategy` fsdp gives each of several processes a part of the weights.
    """

    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    channels_last: bool = True
    devices: int = Field(default=1, ge=1)
    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    workers: int | None = Field(default=None, ge=0)
    accumulate: int = Field(default=1, ge=1)
    compile: Literal["none", "step"] = "none"


class Recipe(Section):
    """One run, fully said."""

    name: str = ""
    description: str = ""
    task: Literal["classification", "detection", "segmentation"]
    method: Literal["gradient", "few-shot"] = "gradient"
    data: DataSettings = DataSettings()
    model: ModelSettings
    loss: dict[str, float | str] = {}
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    augment: AugmentSettings = AugmentSettings()
    batch_size: int = Field(default=32, ge=1)
    stop: tuple[int, Literal["epoch", "iteration"]] = (10, "epoch")
    extensions: ExtensionSettings = ExtensionSettings()
    seed: int = Field(default=0, ge=0)
    engine: EngineSettings = EngineSettings()

    def to_yaml(self) -> str:
        """The recipe with every default written out: running it again is the same run."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def save(self, path: Path) -> None:
        """Write `to_yaml()` whole."""
        write_text(path, self.to_yaml())


def built_in() -> dict[str, Path]:
    """The recipes that come with akitsu, by name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def find(name: str) -> Path:
    """The file of a built-in recipe, or a recipe file of the user's.

    Raises:
        RecipeError: If there is neither.
    """
    known = built_in()
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise RecipeError("there is no such recipe file", where=path, do="check the path")
    choices = "choose one of " + ", ".join(known) + ", or name a .yaml file"
    raise RecipeError(f"there is no recipe {name!r}", do=nearest(name, known, otherwise=choices))


def load(name: str, *, settings: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Read a recipe and apply settings from the command line.

    Args:
        name: A built-in recipe or a path to a .yaml file.
        settings: Such as "optimizer.lr=0.01"; the value is read as YAML. With another "model.name"
            the recipe's options of its own network fall away.

    Raises:
        RecipeError: Naming the key, its line, and the nearest right one.
    """
    path = find(name)
    text = _read(path)
    document, lines = _parse(text, path)
    document.setdefault("name", path.stem)
    if any(setting.startswith("model.name=") for setting in settings):
        _leave_options(document)
    for setting in settings:
        apply_setting(document, setting)
    try:
        recipe = Recipe.model_validate(document)
    except ValidationError as error:
        raise _explain(error, path=path, lines=lines, settings=settings) from error
    if recipe.model.tile_overlap and recipe.task != "detection":
        raise RecipeError(
            f"tiles are for detection, and this recipe is for {recipe.task}",
            where="model.tile_overlap",
            do="leave --tile out",
        )
    return recipe


def _leave_options(document: dict[str, Any]) -> None:
    """Take away what is an option of the recipe's network and no setting of every model."""
    model = document.get("model")
    if isinstance(model, dict):
        document["model"] = {
            key: value for key, value in model.items() if key in ModelSettings.model_fields
        }


def apply_setting(document: dict[str, Any], setting: str) -> None:
    """Put one KEY=VALUE into a recipe's document.

    Raises:
        RecipeError: If it is not of that form, or the key leads through a value.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise RecipeError(
            f"{setting!r} sets nothing", where="--set", do="write it as optimizer.lr=0.01"
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(
            f"{text!r} is no YAML value", where=f"--set {key}", do="quote text with brackets"
        ) from error
    *folders, last = key.strip().split(".")
    place = document
    for folder in folders:
        place = place.setdefault(folder, {})
        if not isinstance(place, dict):
            raise RecipeError(
                f"{folder} is a value, not a section",
                where=f"--set {key}",
                do=f"set {folder} itself",
            )
    place[last] = value


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(
            "this file is no UTF-8 text", where=path, do="save it as UTF-8"
        ) from error


def _parse(text: str, path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The document, and the line of each dotted key."""
    try:
        document = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "this is no YAML"
        raise RecipeError(problem, where=f"{path}{line}", do="mend the YAML") from error
    except RecursionError as error:
        raise RecipeError("this YAML is nested too deeply", where=path, do="flatten it") from error
    if not isinstance(document, dict):
        raise RecipeError(
            "a recipe is a list of keys with values", where=path, do='begin with "task:"'
        )
    lines: dict[str, int] = {}
    _collect_lines(root, "", lines)
    return document, lines


def _collect_lines(node: Any, prefix: str, lines: dict[str, int]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            lines[name] = key.start_mark.line + 1
            _collect_lines(value, f"{name}.", lines)


def _explain(
    error: ValidationError,
    *,
    path: Path,
    lines: dict[str, int],
    settings: list[str] | tuple[str, ...],
) -> RecipeError:
    """The first fault of a recipe as a sentence with its place."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    key = ".".join(location)
    where = _place(key, path=path, lines=lines, settings=settings)
    if first["type"] == "extra_forbidden":
        parent, name = location[:-1], location[-1]
        known = _keys(parent)
        prefix = ".".join([*parent, ""])
        choices = f"the keys here are {', '.join(known)}"
        return RecipeError(
            "there is no such key", where=where, do=_nearest_key(name, known, prefix, choices)
        )
    if first["type"] == "missing":
        return RecipeError(f"the key {key} is missing", where=path, do=f"add {key}")
    value = first.get("input")
    return RecipeError(
        f"{value!r} does not fit",
        where=where,
        do=_lower(first["msg"]).replace("input should", "it should"),
    )


def _nearest_key(name: str, known: list[str], prefix: str, choices: str) -> str:
    # A key spelled out where the recipe abbreviates is the commonest slip.
    if name in ("learning_rate", "learningrate", "rate") and "lr" in known:
        return f"write {prefix}lr"
    if name in ("epochs", "epoch", "iterations") and "stop" in known:
        return "write stop: [10, epoch]"
    advice = nearest(name, known, otherwise=choices)
    return advice.replace("write ", f"write {prefix}") if advice.startswith("write ") else advice


def _place(
    key: str, *, path: Path, lines: dict[str, int], settings: list[str] | tuple[str, ...]
) -> str:
    if any(setting.partition("=")[0].strip() == key for setting in settings):
        return f"--set {key}"
    shown = path.name if path.parent == FOLDER else str(path)
    candidates = [key[: len(key) - cut] for cut in range(len(key))]
    line = next((lines[each] for each in candidates if each in lines), None)
    return f"{shown}:{line}, {key}" if line else f"{shown}, {key}"


def _keys(parent: list[str]) -> list[str]:
    section: type[BaseModel] = Recipe
    for part in parent:
        annotation = section.model_fields[part].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        section = annotation
    return list(section.model_fields)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
