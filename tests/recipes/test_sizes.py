"""Training at changing sizes (arXiv:1612.08242, section 2): drawn from seed and iteration alone."""

from __future__ import annotations

import pytest
import torch

from akitsu.data import memory
from akitsu.data.augment import Augmentation
from akitsu.data.generated.shape_scenes import ShapeScenes
from akitsu.errors import RecipeError
from akitsu.recipes.assemble import Fetcher
from akitsu.recipes.recipe import load
from akitsu.recipes.train import require_runnable, train
from akitsu.training.batches import ShuffledBatches

SIZES = ((32, 32), (48, 64), (64, 64))


def batches(seed=0):
    pictures = memory.load(ShapeScenes(6, 0), size_hw=(64, 64), channels=3, pad_value=0)
    fetch = Fetcher(pictures, Augmentation(shift=0.1), (64, 64), 0.0, SIZES, sizes_every=3)
    return ShuffledBatches(6, 2, seed=seed, fetch=fetch)


def test_batches_come_in_sizes_that_a_resumed_run_meets_again():
    unbroken, resumed = batches(), batches()
    seen = [next(unbroken) for _ in range(14)]

    resumed.load_state_dict({**resumed.state_dict(), "iteration": 5})

    sizes = [tuple(batch.images.shape[-2:]) for batch in seen]
    assert set(sizes) == set(SIZES)
    assert all(len(set(sizes[first : first + 3])) == 1 for first in range(0, 14, 3))
    for batch in seen[5:]:
        again = next(resumed)
        assert torch.equal(again.images, batch.images)
        assert torch.equal(again.boxes, batch.boxes)


SETTINGS = (
    "model={name: small-yolo-v2, input_hw: [32, 32]}",
    "augment={sizes_hw: [[32, 32], [48, 40]], sizes_every: 1}",
    "stop=[3, iteration]",
    "extensions={evaluate: null}",
)


def test_a_recipe_trains_a_network_of_any_size_at_changing_sizes(tmp_path):
    seen = []

    def note(trainer):
        trainer.updater.model.register_forward_pre_hook(
            lambda _module, inputs: seen.append(tuple(inputs[0].shape[-2:]))
        )

    recipe = load("scenes-boxes", settings=SETTINGS)

    train(recipe, tmp_path / "run", say=lambda _: None, extend=note)

    assert set(seen[:3]) == {(32, 32), (48, 40)}
    assert (tmp_path / "run" / "model.onnx").is_file()


def test_a_network_that_is_built_for_one_size_is_refused():
    recipe = load("bccd", settings=["model.name=tiny-yolo-v1", "augment.sizes_hw=[[64, 64]]"])

    with pytest.raises(RecipeError, match=r"^augment.sizes_hw: tiny-yolo-v1 takes pictures of one"):
        require_runnable(recipe)
