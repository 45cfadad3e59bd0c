"""Why a run's network took a frame for what it did: its class activation map, on the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from akitsu.errors import RecipeError
from akitsu.models.classification.cam import cam, cam_box, enlarged
from akitsu.recipes.trained import Trained
from akitsu.runtime.letterbox import Fit, unfit_boxes
from akitsu.runtime.recognizer import prepare_inputs, results_from_outputs
from akitsu.runtime.results import Classification
from akitsu.runtime.threads import opencv


@dataclass(frozen=True)
class ClassMap:
    """A frame's class, and where it was seen.

    Attributes:
        result: The most probable class, and the probabilities of all.
        heat: (H, W) float32, the class's activation map on the frame; below 0 speaks against it.
        box: (4,) XYXY in frame pixels around the largest part of at least 20 % of the peak; None
            if nothing speaks for the class.
    """

    result: Classification
    heat: NDArray[np.float32]
    box: NDArray[np.float32] | None


def class_map(trained: Trained, frame: NDArray[np.uint8]) -> ClassMap:
    """Recognise a frame with a run's network, and map the evidence for the class.

    Args:
        trained: A run of a classifier.
        frame: (H, W, C) uint8.

    Raises:
        RecipeError: If the run is no classifier.
        ShapeError: If its network has no class activation maps.
    """
    network, card = trained.network, trained.card
    if card.task != "classification":
        raise RecipeError(
            f"class activation maps are of classifiers, and this run is one of {card.task}",
            where=trained.folder,
            do="leave out --cam",
        )
    inputs, (fit,) = prepare_inputs([frame], card=card)
    (result,) = results_from_outputs(network.predict_inputs(inputs), [fit], card)
    assert isinstance(result, Classification)
    images = network.normalise(torch.from_numpy(inputs).permute(0, 3, 1, 2))
    heat = cam(network.model, images, torch.tensor([result.label]))
    box = cam_box(heat[0], size_hw=card.input_hw)
    large = enlarged(heat, card.input_hw)[0].numpy()
    on_frame = None if box is None else unfit_boxes(box[None], fit)[0]
    return ClassMap(result, _on_frame(large, fit), on_frame)


def _on_frame(heat: NDArray[np.float32], fit: Fit) -> NDArray[np.float32]:
    """A map of the input on the frame; 0 where the input shows nothing of it."""
    (scale_x, scale_y), (left, top) = fit.scale_xy, fit.pad_xy
    # From the centre of a pixel of the frame to where it lies in the input.
    to_input = np.array(
        [[scale_x, 0, left + scale_x / 2 - 0.5], [0, scale_y, top + scale_y / 2 - 0.5]]
    )
    cv2 = opencv()
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    height, width = fit.frame_hw
    warped = cv2.warpAffine(heat, to_input, (width, height), flags=how)
    return np.asarray(warped, np.float32)
