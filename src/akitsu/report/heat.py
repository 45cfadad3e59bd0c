"""A class activation map laid over its picture: warm where the evidence lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from akitsu.errors import ShapeError
from akitsu.runtime.drawing import readable_scale
from akitsu.runtime.frames import with_channels
from akitsu.runtime.threads import opencv

OPACITY = 0.6
BOX_COLOUR = (255, 255, 255)


def draw_heat(
    frame: NDArray[np.uint8], heat: NDArray[np.float32], *, box: NDArray[np.float32] | None = None
) -> NDArray[np.uint8]:
    """A copy of the frame in grey, with what is above 0 in the map tinted from violet to yellow.

    The strongest colour is the map's own maximum. A small frame is enlarged as for its label.

    Args:
        frame: (H, W, C) uint8.
        heat: (H, W) of the same size.
        box: (4,) XYXY in pixels of the frame, drawn in white.

    Returns:
        (H * s, W * s, 3) RGB, s as `readable_scale` proposes it.

    Raises:
        ShapeError: If the map is not as large as the frame.
    """
    if heat.shape != frame.shape[:2]:
        raise ShapeError(
            f"a map of {heat.shape} on a frame of {frame.shape[:2]}",
            do="draw it on the frame that it was made from",
        )
    cv2 = opencv()
    strength = heat.clip(0) / max(float(heat.max()), np.finfo(np.float32).tiny)
    levels = (255 * strength).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.float32)
    grey = with_channels(with_channels(frame, 1), 3).astype(np.float32)
    share = OPACITY * np.sqrt(strength)[..., None]
    mixed = (grey * (1 - share) + colours * share + 0.5).astype(np.uint8)
    scale = readable_scale((frame.shape[0], frame.shape[1]))
    large = Image.fromarray(mixed.repeat(scale, axis=0).repeat(scale, axis=1))
    if box is not None:
        left, top, right, bottom = (round(float(side) * scale) for side in box)
        pen = max(1, round(min(large.size) / 150))
        edges = (left, top, max(right - 1, left), max(bottom - 1, top))
        ImageDraw.Draw(large).rectangle(edges, outline=BOX_COLOUR, width=pen)
    return np.array(large)
