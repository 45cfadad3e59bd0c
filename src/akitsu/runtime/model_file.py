"""Opening a model file: a file from a stranger is looked at before onnxruntime may run it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from akitsu.errors import ModelFileError
from akitsu.runtime.card import INPUT, METADATA_KEY, OUTPUTS, ROWS_INPUT, ModelCard
from akitsu.runtime.external_data import uses_external_data
from akitsu.runtime.rows import input_names

LARGEST_BATCH = 16
"""Longer lists of frames are run in parts: more would only take memory."""

MOST_ROWS = 4096
"""The same for rows of a table."""

LARGEST_FILE = 2**31 - 1
"""Bytes; protobuf ends here, so a larger file is no ONNX file."""

OUTPUT_TYPES = {
    "probabilities": ("tensor(float)", 2),
    "boxes": ("tensor(float)", 3),
    "scores": ("tensor(float)", 2),
    "labels": ("tensor(int64)", 2),
    "masks": ("tensor(uint8)", 3),
}
"""onnxruntime's names of the outputs' types, and their numbers of axes."""


@dataclass(frozen=True)
class OpenModel:
    """A model file that may run.

    Attributes:
        session: An `onnxruntime.InferenceSession` whose inputs and outputs fit the card.
        card: What the file says of itself.
        largest_batch: The most pictures or rows to run at once; 1 where the graph fixes it.
    """

    session: Any
    card: ModelCard
    largest_batch: int


def open_model(path: Path, *, threads: int) -> OpenModel:
    """Read, check and load a model file.

    Raises:
        ModelFileError: If the file is missing, broken, not made by akitsu, keeps weights in other
            files, or its graph does not fit its card.
    """
    content = checked_content(path)
    session = _session(content, path=path, threads=threads)
    try:
        card = _card(session, path)
        _check_outputs(session, card=card, path=path)
        return OpenModel(session, card, _largest_batch(session, card=card, path=path))
    except UnicodeDecodeError as error:  # names and metadata are decoded when asked for
        raise _broken(str(error), path) from error


def checked_content(path: Path) -> bytes:
    """The bytes of an ONNX file, of anybody's, that keeps nothing in other files.

    Raises:
        ModelFileError: If the file is missing, broken, or keeps weights in other files.
    """
    content = _content(path)
    _refuse_external_data(content, path)
    return content


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a device may be read without end
            raise ModelFileError("not a file", where=path, do="name a .onnx file")
        content = path.read_bytes() if status.st_size <= LARGEST_FILE else b""
    except FileNotFoundError as error:
        do = "check the path, or make one with akitsu train"
        raise ModelFileError("there is no such model file", where=path, do=do) from error
    except OSError as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ModelFileError(f"cannot be read ({reason})", where=path, do="name a file") from error
    if not content:
        what = "is empty" if not status.st_size else "is larger than an ONNX file can be"
        raise ModelFileError(what, where=path, do="copy it again, or export it again")
    return content


def _session(content: bytes, *, path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Planning memory ahead keeps a second block beside the one of the first run: 180 MB instead of
    # 161 for squeezenet-fcn at 272 x 360, and no faster (onnxruntime 1.32).
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # fatal ones only: our errors say the rest
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # it would try the same again, and print so on stdout
        )
    except Exception as error:  # onnxruntime's own family has no common ancestor
        raise _broken(first_line(error), path) from error


def _refuse_external_data(content: bytes, path: Path) -> None:
    try:
        is_external = uses_external_data(content)
    except (ValueError, RecursionError) as error:
        raise _broken(str(error), path) from error
    if is_external:
        raise ModelFileError(
            "keeps its weights in another file",
            where=path,
            do="export it again with akitsu, which writes one file",
        )


def _card(session: Any, path: Path) -> ModelCard:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelFileError(
            "an ONNX file, but without the model card of akitsu",
            where=path,
            do="export the model with akitsu export",
        )
    return ModelCard.from_json(text, where=path)


def _largest_batch(session: Any, *, card: ModelCard, path: Path) -> int:
    """Check the input; the most pictures or rows that one run may take."""
    inputs = session.get_inputs()
    wanted: tuple[int, ...] = (*card.input_hw, card.channels)
    name, kind, most = INPUT, "tensor(uint8)", LARGEST_BATCH
    if card.task == "table":
        wanted = (len(input_names(card.features, card.categories)),)
        name, kind, most = ROWS_INPUT, "tensor(double)", MOST_ROWS
    if [node.name for node in inputs] != [name] or inputs[0].type != kind:
        seen = ", ".join(f"{node.name} {node.type}" for node in inputs) or "none"
        raise _unfit(f"the input is {seen} where {name} {kind} belongs", path=path)
    batch, *sizes = inputs[0].shape or [None]
    is_off = any(
        isinstance(size, int) and size != side for size, side in zip(sizes, wanted, strict=False)
    )
    if len(sizes) != len(wanted) or is_off or (isinstance(batch, int) and batch != 1):
        raise _unfit(f"the input has shape {inputs[0].shape} and the card says {wanted}", path=path)
    return 1 if isinstance(batch, int) else most


def _check_outputs(session: Any, *, card: ModelCard, path: Path) -> None:
    outputs = {node.name: node for node in session.get_outputs()}
    for name in OUTPUTS[card.task]:
        wanted_type, axes = OUTPUT_TYPES[name]
        node = outputs.get(name)
        if node is None:
            seen = ", ".join(outputs)
            raise _unfit(f"{card.task} needs an output {name}, and there is {seen}", path=path)
        if node.type != wanted_type or len(node.shape) != axes:
            raise _unfit(
                f"the output {name} is {node.type} of {len(node.shape)} axes where "
                f"{wanted_type} of {axes} belongs",
                path=path,
            )


def _broken(reason: str, path: Path) -> ModelFileError:
    return ModelFileError(
        f"not an ONNX file, or a broken one ({reason})", where=path, do="copy or export it again"
    )


def _unfit(what: str, *, path: Path) -> ModelFileError:
    return ModelFileError(what, where=path, do="export it again with akitsu")


def first_line(error: Exception) -> str:
    """What a foreign exception says first; onnxruntime adds pages below it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(" .")
