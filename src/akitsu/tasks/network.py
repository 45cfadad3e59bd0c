"""A trained model with its normalisation and decoding: from camera bytes to answers.

Training's own evaluation and the exported model file run this one module, so that they cannot
disagree about how a picture is prepared or what an output means.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from akitsu.runtime.card import OUTPUTS
from akitsu.tasks.task import Task


class Network(nn.Module):
    """(B, H, W, C) uint8 pictures to the outputs of a model file.

    Args:
        model: The trained model.
        task: Its question.
        mean, std: One number a channel, on the scale 0–1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, model: nn.Module, task: Task, *, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.model = model
        self.task = task
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1) * 255)

    def normalise(self, images: Tensor) -> Tensor:
        """(B, C, H, W) 0–255 of any type to float32 of about mean 0 and deviation 1."""
        return (images.to(torch.float32) - self.mean) / self.std

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The graph of a model file."""
        return self.task.decode(self.model, self.normalise(images.permute(0, 3, 1, 2)))

    def predict_inputs(self, inputs: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
        """The same on NumPy arrays, as a recognizer's `predict_inputs` does it."""
        with torch.inference_mode():
            outputs = self(torch.from_numpy(inputs).to(self.mean.device))
        names = OUTPUTS[self.task.name]
        return {name: output.cpu().numpy() for name, output in zip(names, outputs, strict=True)}
