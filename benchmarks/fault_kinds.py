"""What can befall a training, and what it has to do then."""

from __future__ import annotations

import errno
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fault_probe import OVERFLOW
from hurt_run import Run

GRACE_S = 30.0
# Between a person's two Ctrl-C, and into the writing of a snapshot: at most.
SECOND_AFTER_S, WRITING_S = 0.2, 0.02
FILLER = "filler"


def nothing(run: Run, generator: random.Random) -> None:
    """Where there is no more to do."""


def no_complaint(run: Run) -> str | None:  # noqa: ARG001
    """Where there is no more to ask."""
    return None


@dataclass(frozen=True)
class Fault:
    """One way to hurt a training, and what is expected of it.

    Attributes:
        name: For the table.
        hurt: What befalls it while it runs; it has to end then.
        exit_code: What a shell sees.
        says: A regular expression that has to be found in its words.
        after: What befalls its files when it has ended.
        mend: What a person does before starting it again.
        says_it_later: The words are those of the next start, not of the one that was hurt.
        saves: Whether it can still save itself, so that no iteration may be lost.
        snapshots: How many have to be there before it is hurt.
        settings: More of the recipe, as KEY=VALUE.
        landed: Whether the fault came when it should; if not, it is not counted.
        complaint: What else is wrong with what it left, in words.
        small_disk: Whether the run has to be on a disk of its own.
    """

    name: str
    hurt: Callable[[Run, random.Random], None]
    exit_code: int
    says: str
    after: Callable[[Run, random.Random], None] = nothing
    mend: Callable[[Run, random.Random], None] = nothing
    says_it_later: bool = False
    saves: bool = False
    snapshots: int = 1
    settings: tuple[str, ...] = ()
    landed: Callable[[Run], bool] = lambda run: True  # noqa: ARG005
    complaint: Callable[[Run], str | None] = no_complaint
    small_disk: bool = False


def kill(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    run.signal(signal.SIGKILL)


def kill_while_writing(run: Run, generator: random.Random) -> None:
    run.wait_until(lambda: bool(run.half_written()))
    time.sleep(generator.uniform(0, WRITING_S))
    run.signal(signal.SIGKILL)


def interrupt(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    run.signal(signal.SIGINT)


def interrupt_twice(run: Run, generator: random.Random) -> None:
    run.signal(signal.SIGINT)
    time.sleep(generator.uniform(0.005, SECOND_AFTER_S))
    run.signal(signal.SIGINT)


def terminate(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    """As a cluster's scheduler does: the process that it started, then all that is left of it."""
    assert run.process is not None
    run.process.terminate()
    run.wait(GRACE_S)


def fill_disk(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    """Take all room, and what becomes free, until the training has given up."""
    with (run.out.parent / FILLER).open("ab", buffering=0) as filler:
        run.wait_until(lambda: _fill(filler.fileno()))


def _fill(descriptor: int) -> bool:
    for size in (1 << 20, 1 << 12):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return False


def make_room(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    (run.out.parent / FILLER).unlink()


def tear(run: Run, generator: random.Random) -> None:
    newest = run.snapshots()[0]
    os.truncate(newest, generator.randrange(newest.stat().st_size))


def flip_bit(run: Run, generator: random.Random) -> None:
    newest = run.snapshots()[0]
    content = bytearray(newest.read_bytes())
    content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    newest.write_bytes(content)


def overflow(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    (run.side / OVERFLOW).touch()


def end_overflow(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    (run.side / OVERFLOW).unlink()


def broken_numbers(run: Run) -> str | None:
    """A snapshot with a NaN or an infinity in its weights."""
    from akitsu.training.snapshot import load_snapshot

    for path in run.snapshots():
        weights = load_snapshot(path)["trainer"]["updater"]["model"]
        broken = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
        if broken:
            return f"{path.name} holds {broken[0]}, which is not finite"
    return None


def tear_picture(run: Run, generator: random.Random) -> None:
    """Cut a training picture in half; what was in it is put aside for `mend_picture`."""
    picture = generator.choice(sorted(run.data.glob("train/images/*.png")))
    _put_aside(run).write_bytes(picture.read_bytes())
    _put_aside(run).with_suffix(".txt").write_text(str(picture))
    os.truncate(picture, picture.stat().st_size // 2)


def mend_picture(run: Run, generator: random.Random) -> None:  # noqa: ARG001
    picture = Path(_put_aside(run).with_suffix(".txt").read_text())
    picture.write_bytes(_put_aside(run).read_bytes())


def _put_aside(run: Run) -> Path:
    return run.side / "whole.png"


RESUMED = r"resumed at iteration \d+ of \d+"
SAVED = r"saved at iteration \d+ of \d+[^\n]*"
FALLS_BACK = r"snapshots/\d+\.pt: this snapshot is torn[^\n]*The snapshot before it is used\."

FAULTS = (
    Fault("SIGKILL", kill, 137, RESUMED, says_it_later=True),
    Fault(
        "SIGKILL while a snapshot is being written",
        kill_while_writing,
        137,
        RESUMED,
        says_it_later=True,
        landed=lambda run: bool(run.half_written()),
    ),
    Fault(
        "full disk",
        fill_disk,
        2,
        r"[^\n]*(disk is full|no space left on device)[^\n]*make room[^\n]*",
        mend=make_room,
        small_disk=True,
    ),
    Fault("torn snapshot", kill, 137, FALLS_BACK, after=tear, says_it_later=True, snapshots=2),
    Fault(
        "snapshot with a flipped bit",
        kill,
        137,
        FALLS_BACK,
        after=flip_bit,
        says_it_later=True,
        snapshots=2,
    ),
    Fault(
        "NaN loss",
        overflow,
        2,
        r"main/\w*loss\w* became (nan|inf): [^\n]* layer with a non-finite [^\n]*",
        mend=end_overflow,
        complaint=broken_numbers,
    ),
    Fault(
        "picture torn in the middle of an epoch",
        tear_picture,
        2,
        r"train/images/\d+\.png: [^\n]*",
        mend=mend_picture,
        settings=("data.in_memory=false",),
    ),
    Fault("Ctrl-C", interrupt, 130, SAVED, saves=True),
    Fault("Ctrl-C twice", interrupt_twice, 130, r"interrupted"),
    Fault("SIGTERM, 30 s of grace", terminate, 143, SAVED, saves=True),
)
