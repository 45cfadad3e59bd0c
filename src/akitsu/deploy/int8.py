"""An int8 model file and what it costs: both files answer the same validation pictures.

A float32 file is compared with its network answer by answer, and refused where they differ. An int8
file does differ. What it is held to is the score that decides about weights: the loss is measured,
with an interval over pictures, is written into the file, and is refused beyond a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.sample import Dataset
from akitsu.deploy.int8_graph import Layers, write_card, write_int8_graph
from akitsu.errors import DataError, ModelFileError
from akitsu.files import whole_file
from akitsu.runtime.card import ModelCard
from akitsu.runtime.recognizer import Recognizer, prepare_inputs, views
from akitsu.scores.difference import difference
from akitsu.scores.evaluate import evaluate
from akitsu.scores.interval import Estimate
from akitsu.scores.table import title
from akitsu.tasks.task import make_task

Progress = Callable[[Iterable[int]], Iterable[int]]


@dataclass(frozen=True)
class Calibration:
    """Pictures that say how large activations become, and the loss that is accepted.

    Attributes:
        pictures: At most so many, drawn from the training set.
        seed: Of the draw.
        most_loss: Points of the deciding score, as in 1.0 for 0.91 to 0.90.
    """

    pictures: int = 50
    seed: int = 0
    most_loss: float = 1.0

    def draw(self, dataset: Dataset) -> list[int]:
        """Which pictures of a set calibrate, in rising order."""
        order = np.random.default_rng(self.seed).permutation(len(dataset))
        return sorted(int(index) for index in order[: self.pictures])


@dataclass(frozen=True)
class Int8:
    """What an int8 file is and what it costs.

    Attributes:
        card: What the file says of itself; the scores in it are its own.
        layers: Which layers are computed in 8 bits.
        metric: The score that decides, as in "map50".
        float32, int8: That score on the validation set.
        difference: int8 less float32, over the same pictures.
    """

    card: ModelCard
    layers: Layers
    metric: str
    float32: Estimate
    int8: Estimate
    difference: Estimate


def write_int8(
    source: Path,
    path: Path,
    *,
    training: Dataset,
    validation: Dataset,
    calibration: Calibration | None = None,
    force: bool = True,
    show: Callable[[Int8], object] = lambda _: None,
    progress: Progress = iter,
) -> Int8:
    """Write the int8 form of a model file, with its measured loss in its card.

    Args:
        source: A model file in float32, one that was compared with its network.
        path: The int8 file.
        training: The set that the network learnt from; pictures of it calibrate.
        validation: Labelled pictures that did neither; both files are scored on them.
        calibration: How many pictures, and the loss that is accepted.
        force: False refuses to replace a file.
        show: Is given the outcome, also of a file that is refused.
        progress: Wraps the validation pictures' indices, twice.

    Raises:
        DataError: If there are no pictures to calibrate on, or none to score.
        ModelFileError: If the loss is above the limit, or the graph cannot be had in int8; nothing
            is written then.
        OutputError: If the file exists and `force` is False.
    """
    calibration = calibration or Calibration()
    if len(training) == 0:
        raise DataError(
            "the training set has no pictures, and int8 needs some to calibrate on",
            do="name the set with --data",
        )
    recognizer = Recognizer(source)
    card, metric = recognizer.card, make_task(recognizer.card.task, {}).score
    drawn = calibration.draw(training)
    with whole_file(path, force=force) as temporary:
        inputs = _inputs(training, drawn, card)
        layers = write_int8_graph(source, temporary, card=card, inputs=inputs)
        before = evaluate(recognizer.predict_inputs, validation, card, progress=progress)
        predict = Recognizer(temporary).predict_inputs
        after = evaluate(predict, validation, card, progress=progress)
        metrics = after.metrics()
        outcome = Int8(
            card,
            layers,
            metric,
            before.metrics()[metric],
            metrics[metric],
            difference(before, after, metric),
        )
        outcome = replace(outcome, card=_stated(outcome, metrics, len(drawn), calibration.seed))
        write_card(temporary, outcome.card)
        show(outcome)
        _refuse_loss(outcome, calibration, path)
    return outcome


def _inputs(dataset: Dataset, drawn: list[int], card: ModelCard) -> Iterator[NDArray[np.uint8]]:
    """One batch a picture, read when it is asked for."""
    return (prepare_inputs(views(dataset[index].image, card), card=card)[0] for index in drawn)


def _stated(outcome: Int8, metrics: dict[str, Estimate], pictures: int, seed: int) -> ModelCard:
    """The card of the int8 file: its own scores, and how it came to be."""
    of_metric = {
        name: getattr(outcome, name).to_json() for name in ("float32", "int8", "difference")
    }
    return replace(
        outcome.card,
        scores={name: each.to_json() for name, each in metrics.items() if "/" not in name},
        quantisation={
            "calibration_pictures": pictures,
            "seed": seed,
            "layers": {name: len(names) for name, names in asdict(outcome.layers).items()},
            "float32_layers": outcome.layers.float32,
            "loss": {"metric": outcome.metric, **of_metric},
        },
    )


def _refuse_loss(outcome: Int8, calibration: Calibration, path: Path) -> None:
    lost = -100 * outcome.difference.value
    if lost != lost:  # the score is not defined: no picture is labelled
        raise DataError(
            f"the {title(outcome.metric)} of the validation set is not defined",
            where=path,
            do="name a labelled set with --data",
        )
    if lost > calibration.most_loss:
        raise ModelFileError(
            f"in int8 this network loses {lost:.2f} points of {title(outcome.metric)}, where at "
            f"most {calibration.most_loss:g} are accepted",
            where=path,
            do="calibrate on more pictures with --pictures, accept it with --most-loss, or stay "
            "with the float32 file",
        )
