"""A trigger of one's own: often at first, ever more seldom later.

python examples/trainer/own_trigger.py
"""

from pathlib import Path
from tempfile import mkdtemp

from first_run import make_trainer

from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.snapshot import snapshots
from akitsu.training.trainer import Trainer


# --8<-- [start:trigger]
def at_powers_of_two(trainer: Trainer) -> bool:
    """Iterations 1, 2, 4, 8, …: from the iteration alone, so a resume cannot confuse it."""
    return trainer.updater.iteration.bit_count() == 1


# --8<-- [end:trigger]


# --8<-- [start:run]
def train(out: Path) -> Trainer:
    trainer = make_trainer(out)
    trainer.extend(Snapshot(keep=100), trigger=at_powers_of_two)
    trainer.run()
    return trainer


# --8<-- [end:run]


if __name__ == "__main__":
    folder = Path(mkdtemp(prefix="own-trigger-"))
    train(folder)
    print(*(path.name for path in snapshots(folder / "snapshots")))
