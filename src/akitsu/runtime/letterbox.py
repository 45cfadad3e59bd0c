"""Fitting a frame of any size into a model's input, and carrying answers back onto the frame."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akitsu.errors import ShapeError
from akitsu.runtime.threads import opencv

PAD_VALUE = 114
"""The grey of the border, 0 to 255, as in the YOLO family (Ultralytics' `LetterBox`)."""

FITS = ("letterbox", "stretch", "quick-stretch")
"""The whole frame with its aspect and a border; without either, as Pillow does it; as Darknet."""

LEAST_CROP = 0.25
"""A smaller centre would only enlarge what lies around it."""


@dataclass(frozen=True)
class Fit:
    """Where a frame lies inside an input.

    Attributes:
        scale_xy: Input pixels per frame pixel along x and y; of a letterboxed frame they differ
            by the rounding to whole pixels only.
        pad_xy: Border to the left of and above the picture, in input pixels; negative where the
            frame is cut there.
        frame_hw: Rows and columns of the frame.
        input_hw: Rows and columns of the model's input.
        inner_hw: Rows and columns of the scaled frame, before it is cut to the input.
    """

    scale_xy: tuple[float, float]
    pad_xy: tuple[int, int]
    frame_hw: tuple[int, int]
    input_hw: tuple[int, int]
    inner_hw: tuple[int, int]


def plan(
    frame_hw: tuple[int, int],
    input_hw: tuple[int, int],
    *,
    fit: str = "letterbox",
    crop: float = 1.0,
) -> Fit:
    """Where a frame would lie in the middle of an input; no pixel is touched.

    Args:
        frame_hw: Rows and columns of the frame.
        input_hw: Rows and columns of the model's input.
        fit: "letterbox" keeps the aspect; both kinds of stretch fill the input.
        crop: The input shows the centre of the frame, this part of each side; above 0, at most 1.

    Raises:
        ShapeError: If a size is not positive.

    Example:
        >>> place = plan((480, 640), (320, 320))
        >>> place.inner_hw, place.pad_xy, place.scale_xy
        ((240, 320), (0, 40), (0.5, 0.5))
        >>> place = plan((512, 1024), (227, 227), fit="stretch", crop=227 / 256)
        >>> place.inner_hw, place.pad_xy, place.scale_xy
        ((256, 256), (-14, -14), (0.25, 0.5))
    """
    if min(*frame_hw, *input_hw) < 1:
        raise ShapeError(
            f"a frame of {frame_hw} does not fit into an input of {input_hw}",
            do="give sizes of at least 1 x 1 pixel",
        )
    height, width = frame_hw
    rows, columns = (round(side / crop) for side in input_hw)
    scale_xy = columns / width, rows / height
    if fit == "letterbox":
        scale_xy = (min(scale_xy),) * 2
    # A very long frame would round to no row at all.
    inner_width = min(max(round(width * scale_xy[0]), 1), columns)
    inner_height = min(max(round(height * scale_xy[1]), 1), rows)
    return Fit(
        scale_xy=(inner_width / width, inner_height / height),
        pad_xy=(_half(input_hw[1] - inner_width), _half(input_hw[0] - inner_height)),
        frame_hw=frame_hw,
        input_hw=input_hw,
        inner_hw=(inner_height, inner_width),
    )


def letterbox(
    image: NDArray[np.uint8],
    input_hw: tuple[int, int],
    *,
    pad_value: int = PAD_VALUE,
    fit: str = "letterbox",
    crop: float = 1.0,
) -> tuple[NDArray[np.uint8], Fit]:
    """Scale a picture into the middle of an input, and say where it lies.

    Args:
        image: (H, W, C) uint8.
        input_hw: Rows and columns of the model's input.
        pad_value: What fills the border, 0 to 255.
        fit: "letterbox" keeps the aspect; "stretch" fills the input, pixel by pixel as Pillow does;
            "quick-stretch" likewise in a tenth of the time, between neighbours as Darknet does.
        crop: The input shows the centre of the picture, this part of each side.

    Returns:
        A new (rows, columns, C) uint8 array, and the way back.

    Raises:
        ShapeError: If `image` is not (H, W, C) or a size is not positive.
    """
    if image.ndim != 3:
        raise ShapeError(f"the picture has shape {image.shape}", do="pass rows, columns, channels")
    place = plan((image.shape[0], image.shape[1]), input_hw, fit=fit, crop=crop)
    if place.frame_hw == place.input_hw == place.inner_hw:
        return np.array(image, order="C"), place
    padded = np.full((*input_hw, image.shape[2]), pad_value, np.uint8)
    inner = _inner(padded, place)
    left, top = (max(-pad, 0) for pad in place.pad_xy)
    resized = RESIZERS[fit](image, place.inner_hw)
    inner[:] = resized[top : top + inner.shape[0], left : left + inner.shape[1]]
    return padded, place


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
        ShapeError: If the mask is not as large as the frame, or the input shows a part of it only.
    """
    _require_size(mask, fit.frame_hw)
    _require_whole(fit)
    fitted = np.full(fit.input_hw, ignore, np.uint8)
    _inner(fitted, fit)[:] = _nearest(mask, fit.inner_hw)
    return fitted


def unfit_mask(mask: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """Carry a mask (H, W) of the input back onto the frame: the border cut off, then scaled.

    Raises:
        ShapeError: If the mask is not as large as the input, or the input shows a part of the
            frame only.
    """
    _require_size(mask, fit.input_hw)
    _require_whole(fit)
    return _nearest(_inner(mask, fit), fit.frame_hw)


def _half(border: int) -> int:
    """Half of a border, rounded down, or of what is cut (negative), rounded towards 0."""
    return border // 2 if border >= 0 else -(-border // 2)


def _inner(array: NDArray[np.uint8], fit: Fit) -> NDArray[np.uint8]:
    """The part of an input that shows the frame."""
    (left, top), (height, width) = fit.pad_xy, fit.inner_hw
    return array[max(top, 0) : top + height, max(left, 0) : left + width]


def _resized(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    cv2 = opencv()
    height, width = size_hw
    # Averages over areas keep a small object from falling between two samples.
    shrinks = height * width < image.shape[0] * image.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(image, (width, height), interpolation=how)
    # OpenCV drops the axis of a single channel.
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


def _stretched(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = size_hw
    # Pillow's way, by which the weights of others were trained and scored: bilinear, over wider
    # areas where a side shrinks, and each side by itself.
    picture = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0])
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, np.uint8).reshape(height, width, image.shape[2])


def _quickly_stretched(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    cv2 = opencv()
    height, width = size_hw
    # Between neighbours hardly anything is lost down to half the size; from more, areas first.
    halves = [ceil(side / 2 / of) for side, of in zip(image.shape[:2], size_hw, strict=True)]
    if max(halves) > 1:
        rows, columns = (round(side / by) for side, by in zip(image.shape[:2], halves, strict=True))
        image = cv2.resize(image, (columns, rows), interpolation=cv2.INTER_AREA)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    # OpenCV drops the axis of a single channel.
    return np.asarray(resized, np.uint8).reshape(height, width, -1)


RESIZERS = {"letterbox": _resized, "stretch": _stretched, "quick-stretch": _quickly_stretched}


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


def _require_whole(fit: Fit) -> None:
    if min(fit.pad_xy) < 0:
        raise ShapeError(
            f"an input of {fit.input_hw} shows a part of a frame of {fit.frame_hw}",
            do="fit masks with crop=1",
        )
