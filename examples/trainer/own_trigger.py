"""A trigger of one's own: often at first, ever more seldom later."""

from akitsu.training.trainer import Trainer


# --8<-- [start:trigger]
def at_powers_of_two(trainer: Trainer) -> bool:
    """Iterations 1, 2, 4, 8, …: from the iteration alone, so a resume cannot confuse it."""
    return trainer.updater.iteration.bit_count() == 1


# --8<-- [end:trigger]
