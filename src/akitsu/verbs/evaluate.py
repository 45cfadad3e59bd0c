"""The verb `evaluate`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from akitsu.data.sample import Dataset
    from akitsu.runtime.card import ModelCard
    from akitsu.runtime.recognizer import Predict, Recognizer
    from akitsu.runtime.results import Result
    from akitsu.scores.speed import Speed

EXAMPLE = "akitsu evaluate runs/bccd/latest --split val"


def evaluate(
    target: Annotated[Path, typer.Argument(help="A run's folder, or a model file (.onnx).")],
    data: Annotated[
        Path | None, typer.Option(help="Labelled pictures, or a table; a run knows its own.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Which part of the set; by default val, or all of an undivided set that a model "
            "file has not learned from."
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="The set's format; by default that of the training data.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures; by default evaluation-SPLIT beside the model."),
    ] = None,
    tile: Annotated[
        bool,
        typer.Option(
            "--tile", help="For small things in large pictures: look at overlapping tiles, too."
        ),
    ] = False,
    rule: Annotated[
        str,
        typer.Option(
            help="Of a detector, whose rules: coco, voc07 (11 recalls) or voc10 (area under the "
            "curve)."
        ),
    ] = "coco",
    dissect: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER",
            help="Instead of scores: which concept each unit of this layer of a run stands for.",
        ),
    ] = None,
    concepts: Annotated[
        Path | None,
        typer.Option(help="Of --dissect: a segmentation set, whose classes are the concepts."),
    ] = None,
    quantile: Annotated[
        float,
        typer.Option(
            min=0.0001,
            max=0.5,
            help="Of --dissect: part of all positions at which a unit is on; more for large "
            "concepts.",
        ),
    ] = 0.005,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is in the output folder.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Score a run or a model file: each score with its 95 % interval, the speed, and pictures.

    A model file needs no PyTorch; its scores are those of its run.
    """
    if dissect is not None:
        from akitsu.verbs.dissection import dissect_run

        dissect_run(
            target,
            dissect,
            concepts=concepts,
            split=split or "val",
            quantile=quantile,
            output=output,
            force=force,
            as_json=json,
        )
        return
    from rich.progress import track

    from akitsu import load
    from akitsu.runtime.table_recognizer import TableRecognizer
    from akitsu.runtime.tiles import OVERLAP

    recognizer = None if target.is_dir() else load(target, tile_overlap=OVERLAP if tile else None)
    if isinstance(recognizer, TableRecognizer):
        from akitsu.verbs.feature_rows import evaluate_features

        evaluate_features(recognizer, data, model=target, output=output, force=force, as_json=json)
        return
    from akitsu.files import write_json
    from akitsu.scores.detection import DetectionScores
    from akitsu.scores.evaluate import evaluate as score
    from akitsu.scores.rules import rule as rule_called
    from akitsu.scores.table import detection_document, metrics_document
    from akitsu.verbs.shown import show_metrics

    by_rule = rule_called(rule)
    split = split or _usual_split(recognizer, data, format=format)
    predict, card, dataset, recognize = _open(
        target, recognizer, data=data, split=split, format=format, tile=tile
    )
    from rich.console import Console

    console = Console(stderr=True)
    scores = score(
        predict,
        dataset,
        card,
        rule=by_rule,
        progress=lambda items: track(
            items,
            description="scoring",
            console=console,
            total=len(dataset),
            transient=True,
            disable=not console.is_terminal,
        ),
    )
    metrics = scores.metrics()
    document = metrics_document(card.task, len(scores), metrics)
    mistakes = None
    if isinstance(scores, DetectionScores):
        mistakes = scores.mistakes()
        document |= detection_document(scores, mistakes)
    speed = _speed(recognize, recognizer, dataset)
    document["speed"] = speed.to_json()
    files = {}
    with _folder(target, output, split=split, force=force) as folder:
        write_json(folder / "metrics.json", document)
        if find_spec("matplotlib") is None:
            advice = 'pictures of the scores need matplotlib: pip install "akitsu[train]"'
            console.print(advice, markup=False, highlight=False, soft_wrap=True)
        else:
            from akitsu.report.evaluation import draw_evaluation

            drawn = draw_evaluation(
                folder, scores, metrics, dataset=dataset, recognize=recognize, mistakes=mistakes
            )
            names = [Path(str(picture.png)).name for picture in drawn]
            place = _place(target, output, split=split)
            files = {name.removesuffix(".png").replace("_", " "): place / name for name in names}
    show_metrics(document, as_json=json, files=files, said=[f"speed: {speed}"])


def _open(
    target: Path,
    recognizer: Recognizer | None,
    *,
    data: Path | None,
    split: str,
    format: str | None,
    tile: bool,
) -> tuple[Predict, ModelCard, Dataset, Callable[[Any], Result]]:
    """What predicts, its card, the set, and the same as a function of one frame."""
    if recognizer is None:
        from akitsu.errors import require

        require("torch", extra="train", purpose="scoring a run (a model.onnx needs none)")
        from akitsu.recipes.finish import recognizer_of
        from akitsu.recipes.trained import open_run, read_split
        from akitsu.runtime.recognizer import with_tiles
        from akitsu.runtime.tiles import OVERLAP

        trained = open_run(target)
        dataset = read_split(trained.recipe, split, data=data)
        card = trained.card
        if tile:
            card = with_tiles(card, OVERLAP, where=target)
        return trained.network.predict_inputs, card, dataset, recognizer_of(trained, card)
    from akitsu.data.formats.registry import ReaderOptions, read

    card = recognizer.card
    options = ReaderOptions(classes=card.classes, ignore=card.data.get("ignore"))
    name = format or card.data.get("format")
    dataset = read(data, split, format=name, options=options)
    return recognizer.predict_inputs, card, dataset, recognizer


def _speed(
    recognize: Callable[[Any], Result], recognizer: Recognizer | None, dataset: Dataset
) -> Speed:
    from akitsu.scores.speed import measure_speed, some_of

    if recognizer is None:
        import torch

        threads = torch.get_num_threads()
    else:
        threads = recognizer.threads
    frames = [dataset[index].image for index in some_of(len(dataset))]
    return measure_speed(recognize, frames, threads=threads)


def _usual_split(recognizer: Recognizer | None, data: Path | None, *, format: str | None) -> str:
    """Validation pictures, or all where none were cut off for the training of this model."""
    if recognizer is None or recognizer.card.data:
        return "val"
    from akitsu.data.formats.registry import find_reader
    from akitsu.data.formats.splits import EIGHTH_SPLITS

    splits = find_reader(data, format).splits(data or Path())
    if splits == EIGHTH_SPLITS:
        return "all"
    return splits[0] if len(splits) == 1 else "val"


def _place(target: Path, output: Path | None, *, split: str) -> Path:
    if output is not None:
        return output
    return (target if target.is_dir() else target.parent) / f"evaluation-{split}"


def _folder(target: Path, output: Path | None, *, split: str, force: bool) -> Any:
    """The output folder, replaced whole; the default one is akitsu's own and may be replaced."""
    from akitsu.files import whole_folder

    return whole_folder(_place(target, output, split=split), force=force or output is None)
