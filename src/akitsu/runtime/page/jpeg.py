"""A picture as the page gets it: no larger than a screen, and as JPEG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.threads import opencv

PICTURE_SIDE = 1280
"""Pixels of the longer side that a larger frame is shrunk to: more does not fit on most screens."""

JPEG_QUALITY = 80


def encode(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) RGB uint8 as JPEG, shrunk to `PICTURE_SIDE` where it is larger."""
    cv2 = opencv()
    height, width = image.shape[:2]
    shrink = PICTURE_SIDE / max(height, width)
    if shrink < 1:
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(jpeg)
