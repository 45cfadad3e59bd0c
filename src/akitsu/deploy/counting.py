"""What a PyTorch network costs before any clock runs: parameters, multiply-adds, activations."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from akitsu.deploy.figures import Figures


def count(model: nn.Module, images: Tensor) -> Figures:
    """Run a network once and count; on the meta device nothing is computed.

    Args:
        model: The network; it is put into evaluation mode.
        images: (B, C, H, W), on the device of the model.

    Returns:
        Multiply-adds of convolutions and matrix products, for the whole batch: half of what
        `torch.utils.flop_counter` says, which counts two for each.

    Example:
        >>> count(nn.Conv2d(1, 2, 3, padding=1), torch.zeros(1, 1, 4, 4)).macs
        288
    """
    parameters = sum(parameter.numel() for parameter in model.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as flops, _Alive(model, images) as alive:
        model.eval()(images)
    return Figures(parameters, flops.get_total_flops() // 2, alive.most_bytes)


class _Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the bytes of all tensors but the weights; a result in place is no new one."""

    def __init__(self, model: nn.Module, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        weights = [*model.parameters(), *model.buffers()]
        self._known = {each.untyped_storage()._cdata for each in weights}
        self._bytes = self.most_bytes = 0
        self._add(images)

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                self._add(each)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self._bytes += size
        self.most_bytes = max(self.most_bytes, self._bytes)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._bytes -= size
