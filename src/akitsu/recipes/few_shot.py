"""A handful of pictures a class: the features of a pretrained network, and a logistic regression.

The network stays as it is. Its features of every picture are computed once, scikit-learn fits one
linear layer on them, and that becomes the network's head: seconds instead of an hour, and the
outcome is an ordinary model (Donahue et al., arXiv:1310.1531, call the features DeCAF).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.streamed import Pictures
from akitsu.errors import DataError, TrainingError
from akitsu.report.figures import figure
from akitsu.tasks.network import Network
from akitsu.training.finetune import head_of

PICTURE = "few_shot.png"

# From features hardly looked at to hardly any penalty, on features of deviation 1.
STRENGTHS = tuple(10.0**power for power in range(-4, 3))
FOLDS = 5
BATCH = 32
STEPS = 2000

Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]
See = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Fit:
    """How the head was found.

    Attributes:
        strength: C of the logistic regression, the inverse of the penalty.
        accuracies: Cross-validated accuracy on the training pictures by C; empty where a class has
            a single picture, and C is 1.
        features: Numbers a picture.
    """

    strength: float
    accuracies: dict[float, float]
    features: int

    @property
    def accuracy(self) -> float | None:
        """Cross-validated, at the C that was chosen."""
        return self.accuracies.get(self.strength)


def fit_head(
    network: Network,
    pictures: Pictures,
    *,
    input_hw: tuple[int, int],
    mirror: bool,
    say: Callable[[str], object],
) -> Fit:
    """Give a network the head that a logistic regression finds on its features.

    Args:
        network: With pretrained weights; its head is changed.
        pictures: The training set.
        input_hw: Rows and columns that the network is to see; pictures that are held larger for
            random crops are made smaller.
        mirror: Whether left-right mirror images are learned from as well.
        say: Is told what is going on.

    Raises:
        DataError: If there are fewer than two classes with pictures.
        TrainingError: If the network's answer is not its features times its head.
    """
    was_training = network.model.training
    network.eval()
    head = network.model.get_submodule(head_of(network.model))
    see = partial(_see, network, input_hw=input_hw)
    features, labels, rows = _features(see, head, pictures, mirror=mirror)
    present = np.unique(labels)
    if len(present) < len(pictures.classes):
        missing = sorted(set(range(len(pictures.classes))) - set(present.tolist()))
        raise DataError(
            f"there is no picture of {pictures.classes[missing[0]]} to learn from",
            do="add some, or name the classes without it",
        )
    mean, std = features.mean(0), features.std(0).clip(1e-6)
    scaled = (features - mean) / std
    strength, accuracies = _choose(scaled, labels, rows)
    weight, bias = _solve(scaled, labels, strength)
    weight = weight / std
    bias = bias - weight @ mean
    _set(head, weight, bias)
    _require_linear(see, head, pictures, weight=weight, bias=bias)
    network.train(was_training)
    fit = Fit(strength, accuracies, features.shape[1])
    validated = "" if fit.accuracy is None else f", cross-validated accuracy {fit.accuracy:.3f}"
    say(f"{len(labels)} pictures as {fit.features} features each; C = {strength:.3g}{validated}")
    return fit


def draw(fit: Fit, path: Path) -> None:
    """Accuracy against the strength of the regression, with the one that was chosen."""
    with figure(path, size_wh=(6, 3.5)) as drawn:
        axes = drawn.subplots()
        names = [f"{strength:g}" for strength in fit.accuracies]
        axes.plot(names, [100 * each for each in fit.accuracies.values()], "o-")
        axes.axvline(
            list(fit.accuracies).index(fit.strength),
            color="#444444",
            linestyle="--",
            label="chosen",
        )
        axes.set_xlabel("C: weak penalty to the right")
        axes.set_ylabel("cross-validated accuracy, %")
        axes.legend()


def _features(
    see: See, head: nn.Module, pictures: Pictures, *, mirror: bool
) -> tuple[Numbers, Labels, Labels]:
    """(N, D) features, (N,) labels and which picture each row is of."""
    features, labels, rows = [], [], []
    with _inputs_of(head) as seen, torch.inference_mode():
        for start in range(0, len(pictures), BATCH):
            indices = torch.arange(start, min(start + BATCH, len(pictures)))
            batch = pictures.batch(indices)
            assert batch.labels is not None
            views = [batch.images, batch.images.flip(3)] if mirror else [batch.images]
            for images in views:
                see(images)
                features.append(_pooled(seen.pop()).double().cpu().numpy())
                labels.append(batch.labels.numpy())
                rows.append(indices.numpy())
    return np.concatenate(features), np.concatenate(labels), np.concatenate(rows)


def _see(network: Network, images: Tensor, *, input_hw: tuple[int, int]) -> Tensor:
    """(B, C, H, W) uint8 pictures to the network's logits."""
    images = images.to(network.mean.device)
    if images.shape[-2:] != input_hw:
        images = F.interpolate(images.float(), input_hw, mode="bilinear", antialias=True)
    logits: Tensor = network.model(network.normalise(images))
    return logits


class _inputs_of:  # noqa: N801 - a context manager reads as a verb
    """A list that gets what comes into a layer, while the block lasts."""

    def __init__(self, layer: nn.Module) -> None:
        self._layer, self._seen = layer, list[Tensor]()

    def __enter__(self) -> list[Tensor]:
        self._handle = self._layer.register_forward_pre_hook(
            lambda _, inputs: self._seen.append(inputs[0])
        )
        return self._seen

    def __exit__(self, *_: object) -> None:
        self._handle.remove()


def _pooled(inputs: Tensor) -> Tensor:
    """(B, D); a map is averaged, which may be done before a 1 x 1 convolution as well as behind."""
    return inputs.mean((2, 3)) if inputs.ndim == 4 else inputs


def _choose(features: Numbers, labels: Labels, rows: Labels) -> tuple[float, dict[float, float]]:
    """The C with the best cross-validated accuracy, the smallest of several; and all of them.

    A picture and its mirror image are in one fold. With one picture of a class there is nothing to
    validate with, and C is 1.
    """
    from sklearn.model_selection import StratifiedKFold

    first = np.unique(rows, return_index=True)[1]
    fewest = int(np.bincount(labels[first]).min())
    if fewest < 2:
        return 1.0, {}
    folds = StratifiedKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
    parts = [rows[first][held] for _, held in folds.split(first, labels[first])]
    accuracies = {}
    for strength in STRENGTHS:
        right = 0.0
        for held in parts:
            inside = np.isin(rows, held)
            weight, bias = _solve(features[~inside], labels[~inside], strength)
            guesses = (features[inside] @ weight.T + bias).argmax(1)
            right += float((guesses == labels[inside]).sum())
        accuracies[float(strength)] = right / len(labels)
    return max(accuracies, key=lambda each: (accuracies[each], -each)), accuracies


def _solve(features: Numbers, labels: Labels, strength: float) -> tuple[Numbers, Numbers]:
    """(K, D) weights and (K,) biases of a logistic regression."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # Nearly converged is near enough: C was chosen with the same number of steps.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=strength, max_iter=STEPS, tol=1e-3).fit(features, labels)
    if len(fitted.classes_) == 2:  # two classes have one row: half of it for, half against
        half = np.concatenate([-fitted.coef_, fitted.coef_]) / 2
        return half, np.concatenate([-fitted.intercept_, fitted.intercept_]) / 2
    return fitted.coef_, fitted.intercept_


def _set(head: nn.Module, weight: Numbers, bias: Numbers) -> None:
    assert isinstance(head, nn.Linear | nn.Conv2d)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight).reshape(head.weight.shape))
        if head.bias is not None:  # _require_linear sees whether that does it
            head.bias.copy_(torch.from_numpy(bias))


def _require_linear(
    see: See, head: nn.Module, pictures: Pictures, *, weight: Numbers, bias: Numbers
) -> None:
    """The head has to be the last thing that the network does."""
    images = pictures.batch(torch.arange(min(4, len(pictures)))).images
    with _inputs_of(head) as seen, torch.inference_mode():
        logits = see(images).double().cpu().numpy()
        features = _pooled(seen.pop()).double().cpu().numpy()
    wanted = features @ weight.T + bias
    if not np.allclose(logits, wanted, rtol=1e-2, atol=1e-2 * np.abs(wanted).max()):
        raise TrainingError(
            "this network does something behind its last linear layer",
            where="few-shot",
            do="choose another, or fine-tune it with the recipe photos",
        )
