"""A whole run in one file: written whole, sealed with its SHA-256, read without running code."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from akitsu.errors import OutputError, TrainingError
from akitsu.files import whole_file
from akitsu.training.gentle_file import GentleFile, Rest, no_rest
from akitsu.training.randomness import random_state, set_random_state

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

# The file ends with this and the 64 hexadecimal digits of all bytes before it. torch.load passes
# over them, as every reader of ZIP archives does with what follows the directory.
SEAL = b"akitsu sha256 "
SEAL_LENGTH = len(SEAL) + 64
# What PyTorch says of a disk that takes no more; which of them is a matter of the byte.
FULL = ("write", "writing", "unexpected pos", "iostream error")


def state_of(
    trainer: Trainer, into: Any = None, others: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """Everything about a run, as it stands: what trains on does not change it.

    Args:
        trainer: The run, between two iterations or in an extension that comes last.
        into: An earlier state that is needed no more: its tensors are used again, since fresh
            memory costs several times the copying.
        others: Of `Trainer.states_of_others`.
    """
    state = {"trainer": trainer.state_dict(others), "random": random_state()}
    copy: dict[str, Any] = _copied(state, into)
    return copy


def write_snapshot(
    state: dict[str, Any], folder: Path, *, keep: int = 2, rest: Rest = no_rest
) -> Path:
    """Write `<folder>/<iteration>.pt`, and delete all but the newest.

    Args:
        state: Of `state_of`.
        folder: Where the snapshots of this run are; it is made.
        keep: How many stay, at least 1.
        rest: Called again and again with the seconds worked; it may wait, to leave the cores to a
            training that goes on.

    Raises:
        OutputError: If the place cannot be written, or is full.
    """
    path = folder / f"{state['trainer']['updater']['iteration']}.pt"
    with whole_file(path) as temporary, temporary.open("wb") as file:
        gentle = GentleFile(file, rest=rest)
        _save(state, gentle, shown=path)
        file.write(SEAL + gentle.digest.hexdigest().encode())
    for old in snapshots(folder)[keep:]:
        old.unlink()
    return path


def save_snapshot(trainer: Trainer, folder: Path, *, keep: int = 2) -> Path:
    """Both at once: the run as it stands, written.

    Raises:
        OutputError: If the place cannot be written, or is full.
    """
    return write_snapshot(state_of(trainer), folder, keep=keep)


def snapshots(folder: Path) -> list[Path]:
    """The snapshots in a folder, newest iteration first."""
    found = [path for path in folder.glob("*.pt") if path.stem.isdecimal() and path.is_file()]
    return sorted(found, key=lambda path: -int(path.stem))


def load_snapshot(path: Path) -> dict[str, Any]:
    """Read one snapshot; only tensors and plain containers are accepted.

    Raises:
        TrainingError: If the file is torn, or holds anything else.
    """
    _check_seal(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # the sentence below says it
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file made to hurt finds the one exception that was not listed
        raise TrainingError(
            "this is not a snapshot of tensors and plain values",
            where=path,
            do="delete it, and ask where it came from",
        ) from error
    if not isinstance(state, dict) or state.keys() != {"trainer", "random"}:
        raise TrainingError("this is not a snapshot of akitsu", where=path, do="delete it")
    return state


def resume(
    trainer: Trainer, folder: Path, *, warn: Callable[[str], object] = warnings.warn
) -> int | None:
    """Go on from the newest snapshot that is whole; those passed over are deleted.

    Where several processes train together, each makes this call.

    Args:
        trainer: A run built by the same recipe, with all its extensions.
        folder: Where its snapshots are; it need not exist.
        warn: Is told, in one sentence each, which snapshots had to be passed over.

    Returns:
        The iteration, or None where there is no snapshot.

    Raises:
        TrainingError: If none is whole, or they are of another model.
    """
    paths = snapshots(folder)
    if trainer.updater.fabric.is_global_zero:
        _delete_leftovers(folder)
    for place, path in enumerate(paths):
        try:
            state = load_snapshot(path)
        except TrainingError as error:
            warn(f"{error} The snapshot before it is used.")
            continue
        _load(trainer, state, path)
        _delete_broken(trainer, paths[:place])
        return trainer.updater.iteration
    if paths:
        raise TrainingError(
            "no snapshot is whole", where=folder, do="delete this folder to begin anew"
        )
    return None


def _copied(value: Any, into: Any) -> Any:
    if isinstance(value, Tensor):
        fits = isinstance(into, Tensor) and into.shape == value.shape and into.dtype == value.dtype
        if fits and into.stride() == value.stride():
            return into.copy_(value)
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        known = into if isinstance(into, dict) else {}
        return {key: _copied(each, known.get(key)) for key, each in value.items()}
    if isinstance(value, list | tuple):
        spare = list(into) if isinstance(into, list | tuple) else []
        spare += [None] * (len(value) - len(spare))
        return type(value)(_copied(each, old) for each, old in zip(value, spare, strict=False))
    return value


def _save(state: dict[str, Any], file: GentleFile, *, shown: Path) -> None:
    try:
        with _without_checksums():
            torch.save(state, file)  # type: ignore[arg-type]  # it wants no more than write, flush
    except RuntimeError as error:
        if not any(words in str(error) for words in FULL):
            raise
        raise OutputError(
            "this snapshot could not be written: the disk is full, or fails",
            where=shown,
            do="make room and start the same command again: it goes on from the snapshot before",
        ) from error


@contextmanager
def _without_checksums() -> Iterator[None]:
    """ZIP's own are left out: they hold up all of Python, and the seal says more."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)


def _load(trainer: Trainer, state: dict[str, Any], path: Path) -> None:
    try:
        trainer.load_state_dict(state["trainer"])
        set_random_state(state["random"])
    except TrainingError:
        raise
    except (LookupError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(
            f"this snapshot is of another run ({reason})",
            where=path,
            do="train with the recipe it was made with, or choose another --out",
        ) from error


def _check_seal(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - SEAL_LENGTH, 0))
        seal = file.read()
    if seal != SEAL + _sha256(path, length=max(size - SEAL_LENGTH, 0)):
        raise TrainingError(
            "this snapshot is torn: its bytes do not give its SHA-256", where=path, do="delete it"
        )


def _sha256(path: Path, *, length: int) -> bytes:
    """Hexadecimal SHA-256 of the first `length` bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while length > 0 and (block := file.read(min(length, 1 << 20))):
            digest.update(block)
            length -= len(block)
    return digest.hexdigest().encode()


def _delete_leftovers(folder: Path) -> None:
    """Temporary files that a killed run could not delete; nobody else writes in this folder."""
    for path in folder.glob(".*.pt"):
        path.unlink()


def _delete_broken(trainer: Trainer, paths: list[Path]) -> None:
    """Counted among those that stay, they would push out the whole one that was used."""
    trainer.updater.fabric.barrier()  # another process may still be looking at them
    if trainer.updater.fabric.is_global_zero:
        for path in paths:
            path.unlink()
