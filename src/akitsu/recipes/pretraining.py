"""Which network a recipe begins with, and with which weights: settled before anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from akitsu.errors import RecipeError
from akitsu.models import registry
from akitsu.recipes import directory
from akitsu.recipes.recipe import Recipe
from akitsu.runtime.card import ModelCard
from akitsu.tasks.network import Network
from akitsu.training import finetune
from akitsu.weights import pretrained
from akitsu.weights.download import DownloadError
from akitsu.weights.pretrained import Pretrained
from akitsu.weights.trunk import for_trunk

# In place of a network's name, and of weights.
AUTO = "auto"

# Small enough for a robot's CPU: 0.06 GMAC at 224 x 224, and ImageNet weights that are free to use.
BACKBONE = "mobilenet_v3_small"
# What learns from nothing on a few hundred pictures where no weights can be had.
FROM_SCRATCH = "shufflenet_v2_x0_5"


def settle(recipe: Recipe, *, say: Callable[[str], object]) -> Recipe:
    """Say what "auto" comes to here and now, so that the run's recipe.yaml says it.

    Where weights are wanted only if they can be had, and they cannot, the network begins at
    random: then nothing is frozen, and all of it learns at the full rate.

    Raises:
        ModelFileError: If the weights that are named cannot be had.
        RecipeError: If they are of another network, or the method needs some and there are none.
    """
    wanted = recipe.model.pretrained
    if wanted in (None, False):
        _require_weights(recipe)
        return _from_scratch(recipe)
    try:
        found = weights_of(recipe)
    except DownloadError as error:
        if wanted != AUTO:
            raise
        _require_weights(recipe, because=f"{error.where}: {error.what}")
        settled = _from_scratch(recipe)
        say(
            f"no pretrained weights ({error.what}): {settled.model.name} is trained from nothing; "
            "name a file of weights with --set model.pretrained=FILE"
        )
        return settled
    assert found is not None
    return _with_weights(recipe, found)


def weights_of(recipe: Recipe) -> Pretrained | None:
    """The weights that a recipe begins with, or None.

    Raises:
        ModelFileError: If they cannot be had.
    """
    wanted, name = recipe.model.pretrained, recipe.model.name
    if wanted in (None, False):
        return None
    if isinstance(wanted, str) and _is_path(wanted):
        return pretrained.from_file(Path(wanted))
    version = wanted if isinstance(wanted, str) and wanted != AUTO else None
    return pretrained.of_library(BACKBONE if name == AUTO else name, version=version)


def begin_with(network: Network, found: Pretrained, *, name: str) -> str:
    """Put weights into a freshly built network; a head that found none starts close to zero.

    A detector whose trunk is a registered classifier takes the weights of that one, too.

    Args:
        network: Changed in place.
        found: What it begins with.
        name: Of the network in the registry.

    Returns:
        What was loaded and what was left out, in words.
    """
    backbone = registry.entry(name).backbone
    if backbone:
        found = for_trunk(network.model, found, backbone=backbone)
    loaded = pretrained.put_into(network.model, found)
    if network.task.name == "classification":
        head = finetune.head_of(network.model)
        if f"{head}.weight" in loaded.missing:
            finetune.reset_head(network.model)
    return f"{found.source}: {loaded}"


def card_with(card: ModelCard, found: Pretrained) -> ModelCard:
    """The card of a run that begins with weights: their normalisation, and where they are from."""
    normalisation = found.normalisation_for(card.channels) or card.normalisation
    return replace(
        card,
        normalisation=normalisation,
        licence=f"{card.licence}, and that of the weights that it began with",
        provenance={**card.provenance, "pretrained": found.source},
    )


def _with_weights(recipe: Recipe, found: Pretrained) -> Recipe:
    name, wanted = recipe.model.name, recipe.model.pretrained
    if name == AUTO and found.model is None:
        raise RecipeError(
            "nothing says of which network these weights are",
            where=f"model.pretrained, {wanted}",
            do="set model.name to it",
        )
    fitting = (None, name) if name == AUTO else (None, name, registry.entry(name).backbone)
    if name != AUTO and found.model not in fitting:
        raise RecipeError(
            f"these weights are of {found.model}, and the network is {name}",
            where=f"model.pretrained, {wanted}",
            do=f"set model.name={found.model}",
        )
    changes: dict[str, object] = {"name": found.model if name == AUTO else name}
    if wanted == AUTO:
        changes["pretrained"] = True
    elif isinstance(wanted, str) and _is_path(wanted):
        path = Path(wanted).resolve()
        changes["pretrained"] = str(path)
        changes |= _options_of_run(path)
    # A ReLU behind a new head can silence it for good (github.com/forresti/SqueezeNet/issues/58).
    if "last_relu" in registry.entry(str(changes["name"])).options():
        changes["last_relu"] = False
    changes |= recipe.model.options
    return recipe.model_copy(update={"model": recipe.model.model_copy(update=changes)})


def _options_of_run(path: Path) -> dict[str, object]:
    """The options of the network of which a run left these weights."""
    folder = path if path.is_dir() else path.parent
    if not (folder / directory.RECIPE).is_file():
        return {}
    return directory.read_recipe(folder).model.options


def _from_scratch(recipe: Recipe) -> Recipe:
    name = recipe.model.name
    model = {"name": FROM_SCRATCH if name == AUTO else name, "pretrained": None}
    if recipe.model.pretrained is None and name != AUTO:
        return recipe
    everything = {"new_head": "plain", "freeze": (), "unfreeze": (), **model}
    return recipe.model_copy(
        update={
            "model": recipe.model.model_copy(update=everything),
            "optimizer": recipe.optimizer.model_copy(update={"backbone_lr_scale": None}),
        }
    )


def _require_weights(recipe: Recipe, because: str = "the recipe names none") -> None:
    if recipe.method == "few-shot":
        raise RecipeError(
            f"few-shot needs the features of pretrained weights, and there are none ({because})",
            where="model.pretrained",
            do="name a file of weights with --set model.pretrained=FILE, or take the recipe photos",
        )


def _is_path(text: str) -> bool:
    return Path(text).suffix in pretrained.SUFFIXES or "/" in text or Path(text).exists()
