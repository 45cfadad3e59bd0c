"""Batches of several sources in turns, for trainings that no single set is labelled for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from akitsu.errors import DataError, TrainingError
from akitsu.training.batches import Batch, Batches, CountedEpochs


class Interleaved(CountedEpochs):
    """One batch of each source after the other, over and over.

    An epoch is one of the source with the most batches; shorter ones begin anew within it.

    Args:
        sources: By name. Their order is that of the turns.

    Raises:
        DataError: If there is none.
    """

    def __init__(self, sources: Mapping[str, Batches]) -> None:
        if not sources:
            raise DataError("there is no source to train on", do="name one at least")
        self.sources = dict(sources)
        longest = max(source.batches_per_epoch for source in sources.values())
        self.batches_per_epoch = longest * len(sources)
        self.iteration = 0

    def __iter__(self) -> Interleaved:
        return self

    def __next__(self) -> Batch:
        turn = list(self.sources.values())[self.iteration % len(self.sources)]
        batch = next(turn)
        self.iteration += 1
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Whose turn it is, and where each source stands."""
        states = {name: source.state_dict() for name, source in self.sources.items()}
        return {"iteration": self.iteration, "sources": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            TrainingError: If the sources are not those of then.
        """
        if list(state["sources"]) != list(self.sources):
            raise TrainingError(
                f"the snapshot was taken with the sources {', '.join(state['sources'])}, and now "
                f"they are {', '.join(self.sources)}",
                do="train on the same sources in the same order, or choose another --out",
            )
        for name, source in self.sources.items():
            source.load_state_dict(state["sources"][name])
        self.iteration = state["iteration"]
