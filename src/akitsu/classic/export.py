"""Export: a fitted classifier as a model file, written only if it answers every row the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import numpy as np
from numpy.typing import NDArray

from akitsu import __version__
from akitsu.classic.classifiers import decision_scores
from akitsu.classic.comparison import Line
from akitsu.classic.problem import Problem
from akitsu.errors import TrainingError, require
from akitsu.files import whole_file
from akitsu.runtime.card import METADATA_KEY, OUTPUTS, ROWS_INPUT, ModelCard
from akitsu.runtime.table_recognizer import TableRecognizer
from akitsu.scores.calibration import softmax

PROBABILITY_TOLERANCE = 1e-3
"""As for networks: float32 against float64, sums in another order."""
OPSETS = {"": 18, "ai.onnx.ml": 3}
"""Old enough for onnxruntime 1.20, the oldest that akitsu runs on."""
IR_VERSION = 9
CAST, SCORES = "cast_rows", "scores"
"""Names within the graph: the rows as the classifier takes them, and what it makes of them."""
AS_TREES = ("decision-tree", "random-forest")
"""Scikit-learn rounds the inputs of trees to float32; so does their graph."""


def export_line(path: Path, problem: Problem, line: Line, *, seed: int, force: bool = True) -> None:
    """Write the final pipeline of one classifier as a model file.

    Args:
        path: The `.onnx` file.
        problem: The rows; every one is asked of the file before it is written, and has
            to be answered as scikit-learn does, but for `tied_rows`.
        line: Of the comparison.
        seed: Of the comparison, for the card.
        force: False refuses to replace a file.

    Raises:
        TrainingError: If the graph answers a row otherwise; nothing is written then.
        OutputError: If the file exists and `force` is False.
        MissingExtraError: If skl2onnx is not installed.
    """
    require("skl2onnx", extra="train", purpose="exporting a classifier")
    graph = _graph(line, inputs=problem.inputs.shape[1], card=_card(problem, line, seed=seed))
    with whole_file(path, force=force) as temporary:
        temporary.write_bytes(graph.SerializeToString())
        wanted = probabilities_of(line, problem.inputs)
        given = TableRecognizer(temporary).predict_inputs(problem.inputs)["probabilities"]
        clear = ~tied_rows(line, problem.inputs)
        differing = disagreements(wanted[clear], given[clear])
        if differing:
            raise TrainingError(
                f"the exported {line.entry.name} answers {differing} of {len(wanted)} rows "
                "otherwise than scikit-learn",
                where=path,
                do="report this table and classifier: it is a fault of the export",
            )


def probabilities_of(line: Line, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K) what scikit-learn's pipeline says, as the model file shall say it."""
    scores = decision_scores(line.final, inputs)
    return scores if line.temperature is None else softmax(scores, temperature=line.temperature)


def disagreements(one: NDArray[np.floating], other: NDArray[np.floating]) -> int:
    """In how many rows a probability differs by more than 0.001.

    Example:
        >>> disagreements(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([[0.5, 0.5], [0.9, 0.1]]))
        1
    """
    return int((np.abs(one - other) > PROBABILITY_TOLERANCE).any(axis=1).sum())


def tied_rows(line: Line, inputs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) True for rows whose k-th and next neighbour are equally far.

    Which of the two then votes is an accident of scikit-learn's tree and of the graph's sorting:
    each may choose another, and neither is wrong. Other classifiers know no such rows.
    """
    model = line.final["model"]
    count = getattr(model, "n_neighbors", None)
    if count is None or count >= model.n_samples_fit_:
        return np.zeros(len(inputs), bool)
    scaled = line.final["scaler"].transform(inputs)
    distances, _ = model.kneighbors(scaled, n_neighbors=count + 1)
    tied: NDArray[np.bool_] = np.isclose(distances[:, -1], distances[:, -2], rtol=1e-9, atol=0)
    return tied


def _card(problem: Problem, line: Line, *, seed: int) -> ModelCard:
    has_probabilities = line.temperature is None
    return ModelCard(
        task="table",
        model=line.entry.name,
        classes=problem.classes,
        features=problem.features,
        categories=dict(problem.categories),
        temperature=1.0 if line.temperature is None else line.temperature,
        decoding="probabilities of the classes of a row"
        if has_probabilities
        else "softmax of the distances to the borders, divided by the temperature",
        provenance={
            "akitsu": __version__,
            "scikit-learn": version("scikit-learn"),
            "parameters": line.parameters,
            "seed": seed,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        },
        data={"format": "table", "target": problem.target, "rows": len(problem.labels)},
        scores={"accuracy": dict(line.accuracy.to_json())},
    )


def _graph(line: Line, *, inputs: int, card: ModelCard) -> Any:
    """The pipeline as an ONNX model from double rows to float probabilities, card and all."""
    import onnx
    from onnx import TensorProto, helper

    made = _converted(line, inputs=inputs)
    (output,) = OUTPUTS["table"]
    # The converted graph has an output of this name, which now lies within.
    for node in made.graph.node:
        node.output[:] = [SCORES if name == output else name for name in node.output]
        node.input[:] = [SCORES if name == output else name for name in node.input]
    kind = TensorProto.FLOAT if line.entry.name in AS_TREES else TensorProto.DOUBLE
    initializers = list(made.graph.initializer)
    if line.temperature is not None:
        constant = helper.make_tensor("temperature", TensorProto.DOUBLE, [], [line.temperature])
        initializers.append(constant)
    rows, classes = ["rows", inputs], ["rows", len(card.classes)]
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [ROWS_INPUT], [CAST], to=kind),
            *made.graph.node,
            *_after(line.temperature, output),
        ],
        line.entry.name,
        [helper.make_tensor_value_info(ROWS_INPUT, TensorProto.DOUBLE, rows)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, classes)],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=list(made.opset_import), producer_name="akitsu")
    model.ir_version = IR_VERSION
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    onnx.checker.check_model(model)
    return model


def _converted(line: Line, *, inputs: int) -> Any:
    """The pipeline by skl2onnx: from CAST to its scores."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    kind = FloatTensorType if line.entry.name in AS_TREES else DoubleTensorType
    options: dict[str, Any] = {"zipmap": False}
    if line.temperature is not None:
        options["raw_scores"] = True
    with catch_warnings():
        # skl2onnx asks an SVC for attributes that scikit-learn 1.11 will not have.
        filterwarnings("ignore", category=FutureWarning, module="sklearn")
        return to_onnx(
            line.final,
            initial_types=[(CAST, kind([None, inputs]))],
            options={id(line.final["model"]): options},
            target_opset=OPSETS,
        )


def _after(temperature: float | None, output: str) -> Sequence[Any]:
    """From the classifier's scores to probabilities."""
    from onnx import TensorProto, helper

    if temperature is None:
        return [helper.make_node("Cast", [SCORES], [output], to=TensorProto.FLOAT)]
    return [
        helper.make_node("Cast", [SCORES], ["double_scores"], to=TensorProto.DOUBLE),
        helper.make_node("Div", ["double_scores", "temperature"], ["tempered"]),
        helper.make_node("Softmax", ["tempered"], ["double_probabilities"], axis=1),
        helper.make_node("Cast", ["double_probabilities"], [output], to=TensorProto.FLOAT),
    ]
