"""Writes down which network is trained, once."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from torch import nn
from typing_extensions import override

from akitsu.errors import TrainingError, nearest
from akitsu.files import write_text
from akitsu.training.extension import Extension, Priority
from akitsu.training.graph import Layer, described, dot, table

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer


class DumpGraph(Extension):
    """Writes `graph.dot` and `graph.txt` in the first iteration, from that iteration itself.

    `graph.dot` is the graph behind the loss, in Graphviz's language: every operation that the
    gradients go through, with the shape of its output, and every parameter by name. Any viewer of
    Graphviz files shows it, and `dot -Tsvg graph.dot > graph.svg` where Graphviz is installed.
    What needs no gradient is not in it: the pictures, the labels, frozen parameters.

    `graph.txt` lists the layers in the order in which they ended, with the shape of their output
    and their own parameters, and the sum. A layer that is called twice stands there twice.

    Nothing is computed for it: the layers are looked at while the first iteration runs. Where a
    batch is cut into parts whose gradients are added up, both show one part.

    Args:
        key: Which of the losses.
        name: Name of the files in the run's folder.
    """

    trigger = None  # the first iteration that it sees
    priority = Priority.EDITOR

    def __init__(self, key: str = "loss", *, name: str = "graph") -> None:
        self.key, self.name = key, name
        self._written = False
        self._layers: list[Layer] = []
        self._watching = ExitStack()
        self._passed = False

    @override
    def initialize(self, trainer: Trainer) -> None:
        if self._written:
            return
        for name, module in trainer.updater.model.named_modules():
            self._watching.callback(module.register_forward_hook(self._watcher(name)).remove)

    @override
    def observe(self, trainer: Trainer) -> None:
        """Write both files, the first time.

        Raises:
            TrainingError: If there is no such loss.
        """
        if self._written:
            return
        self._watching.close()
        updater = trainer.updater
        if self.key not in updater.losses:
            otherwise = "name one that the Updater's loss returns"
            advice = nearest(self.key, updater.losses, otherwise=otherwise)
            raise TrainingError(f"DumpGraph: there is no loss {self.key!r}", do=advice)
        names = {id(each): name for name, each in updater.model.named_parameters()}
        write_text(trainer.out / f"{self.name}.txt", table(self._layers, updater.model))
        write_text(trainer.out / f"{self.name}.dot", dot(updater.losses[self.key], names))
        self._written, self._layers = True, []

    @override
    def finalize(self, trainer: Trainer) -> None:
        self._watching.close()

    @override
    def state_dict(self) -> dict[str, Any]:
        return {"written": self._written}

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._written = state["written"]

    def _watcher(self, name: str) -> Any:
        def watch(module: nn.Module, inputs: Any, output: Any) -> None:  # noqa: ARG001
            if self._passed:
                return
            self._passed = name == ""  # the network itself ends last: later calls are other passes
            own = sum(each.numel() for each in module.parameters(recurse=False))
            kind = type(module).__name__
            self._layers.append(Layer(name or "(network)", kind, described(output), own))

        return watch
