"""Fitting a frame of any size into a model's input, and carrying answers back onto the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akitsu.errors import ShapeError
from akitsu.runtime.threads import opencv

PAD_VALUE = 114
"""The grey of the border, 0 to 255, as in the YOLO family (Ultralytics' `LetterBox`)."""


@dataclass(frozen=True)
class Fit:
    """Where a frame lies inside an input.

    Attributes:
        scale_xy: Input pixels per frame pixel along x and y; they differ by the rounding to
            whole pixels only.
        pad_xy: Border to the left of and above the picture, in input pixels.
        frame_hw: Rows and columns of the frame.
        input_hw: Rows and columns of the model's input.
        inner_hw: Rows and columns of the scaled frame within the input.
    """

    scale_xy: tuple[float, float]
    pad_xy: tuple[int, int]
    frame_hw: tuple[int, int]
    input_hw: tuple[int, int]
    inner_hw: tuple[int, int]


def plan(frame_hw: tuple[int, int], input_hw: tuple[int, int]) -> Fit:
    """Where a frame would lie in the middle of an input, its aspect kept; no pixel is touched.

    Raises:
        ShapeError: If a size is not positive.

    Example:
        >>> fit = plan((480, 640), (320, 320))
        >>> fit.inner_hw, fit.pad_xy, fit.scale_xy
        ((240, 320), (0, 40), (0.5, 0.5))
    """
    if min(*frame_hw, *input_hw) < 1:
        raise ShapeError(
            f"a frame of {frame_hw} does not fit into an input of {input_hw}",
            do="give sizes of at least 1 x 1 pixel",
        )
    (height, width), (rows, columns) = frame_hw, input_hw
    scale = min(rows / height, columns / width)
    # A very long frame would round to no row at all.
    inner_height = min(max(round(height * scale), 1), rows)
    inner_width = min(max(round(width * scale), 1), columns)
    return Fit(
        scale_xy=(inner_width / width, inner_height / height),
        pad_xy=((columns - inner_width) // 2, (rows - inner_height) // 2),
        frame_hw=frame_hw,
        input_hw=input_hw,
        inner_hw=(inner_height, inner_width),
    )


def letterbox(
    image: NDArray[np.uint8], input_hw: tuple[int, int], *, pad_value: int = PAD_VALUE
) -> tuple[NDArray[np.uint8], Fit]:
    """Scale a picture into the middle of an input, its aspect kept, and say where it lies.

    Args:
        image: (H, W, C) uint8.
        input_hw: Rows and columns of the model's input.
        pad_value: What fills the border, 0 to 255.

    Returns:
        A new (rows, columns, C) uint8 array, and the way back.

    Raises:
        ShapeError: If `image` is not (H, W, C) or a size is not positive.
    """
    if image.ndim != 3:
        raise ShapeError(f"the picture has shape {image.shape}", do="pass rows, columns, channels")
    fit = plan((image.shape[0], image.shape[1]), input_hw)
    if fit.frame_hw == fit.input_hw:
        return np.array(image, order="C"), fit
    padded = np.full((*input_hw, image.shape[2]), pad_value, np.uint8)
    _inner(padded, fit)[:] = _resized(image, fit.inner_hw)
    return padded, fit


def fit_boxes(boxes: ArrayLike, fit: Fit) -> NDArray[np.float32]:
    """Carry (N, 4) XYXY boxes from frame pixels to input pixels.

    Raises:
        ShapeError: If `boxes` is not (N, 4).
    """
    return (_checked(boxes) * (fit.scale_xy * 2) + fit.pad_xy * 2).astype(np.float32)


def unfit_boxes(boxes: ArrayLike, fit: Fit) -> NDArray[np.float32]:
    """Carry (N, 4) XYXY boxes from input pixels back onto the frame, clipped to it.

    Raises:
        ShapeError: If `boxes` is not (N, 4).

    Example:
        >>> unfit_boxes(np.array([[0, 40, 32, 48]]), plan((480, 640), (320, 320)))
        array([[ 0.,  0., 64., 16.]], dtype=float32)
    """
    height, width = fit.frame_hw
    frame = (_checked(boxes) - fit.pad_xy * 2) / (fit.scale_xy * 2)
    clipped: NDArray[np.float32] = frame.clip(0, (width, height) * 2).astype(np.float32)
    return clipped


def fit_mask(mask: NDArray[np.uint8], fit: Fit, *, ignore: int = 255) -> NDArray[np.uint8]:
    """Carry a mask (H, W) of the frame into the input; the border is `ignore`.

    Raises:
        ShapeError: If the mask is not as large as the frame.
    """
    _require_size(mask, fit.frame_hw)
    fitted = np.full(fit.input_hw, ignore, np.uint8)
    _inner(fitted, fit)[:] = _nearest(mask, fit.inner_hw)
    return fitted


def unfit_mask(mask: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Carry a mask (H, W) of the input back onto the frame: the border cut off, then scaled.

    Raises:
        ShapeError: If the mask is not as large as the input.
    """
    _require_size(mask, fit.input_hw)
    return _nearest(_inner(mask, fit), fit.frame_hw)


def _inner(array: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    (left, top), (height, width) = fit.pad_xy, fit.inner_hw
    return array[top : top + height, left : left + width]


def _resized(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    cv2 = opencv()
    height, width = size_hw
    # Averages over areas keep a small object from falling between two samples.
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=how)
    # OpenCV drops the axis of a single channel.
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


def _nearest(mask: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    cv2 = opencv()
    height, width = size_hw
    # The exact variant samples pixel centres, as Pillow and PyTorch do; the plain one is half a
    # pixel off.
    how = cv2.INTER_NEAREST_EXACT
    return np.array(cv2.resize(mask, (width, height), interpolation=how), np.uint8)


def _checked(boxes: ArrayLike) -> NDArray[np.float64]:
    # In double precision, so that there and back is not felt in a float32.
    array = np.asarray(boxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ShapeError(f"boxes have shape {array.shape}", do="pass x1, y1, x2, y2 per box")
    return array


def _require_size(mask: NDArray[np.uint8], size_hw: tuple[int, int]) -> None:
    if mask.shape != size_hw:
        raise ShapeError(f"the mask has shape {mask.shape}", do=f"pass one of shape {size_hw}")
