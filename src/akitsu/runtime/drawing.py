"""Results drawn on the frame: boxes, coloured pixels, names; for eyes, recordings and reports."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from akitsu.errors import ShapeError
from akitsu.runtime.frames import with_channels
from akitsu.runtime.results import Classification, Detections, Segmentation

Picture = NDArray[np.uint8]
Colour = tuple[int, int, int]

# Okabe and Ito, "Color Universal Design" (2008), without black: also the colour-blind can tell
# these apart. Blue before sky blue, since neighbours in the list meet most often.
PALETTE: tuple[Colour, ...] = (
    (230, 159, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (86, 180, 233),
)
LAPS = (1.0, 0.55, 0.3)
"""With more classes the palette comes again, darker, and again."""

READABLE_SIDE = 240
"""Pixels of the shorter side from which on a label takes a small part of the picture."""

MASK_OPACITY = 0.55
DARK = 0.3
"""Of its brightness, a frame that is no longer true is shown with."""
IGNORE = 255


def colour_of(label: int) -> Colour:
    """The colour of a class index; the same in every picture."""
    lap = LAPS[label // len(PALETTE) % len(LAPS)]
    red, green, blue = PALETTE[label % len(PALETTE)]
    return round(red * lap), round(green * lap), round(blue * lap)


def readable_scale(frame_hw: tuple[int, int]) -> int:
    """By which whole number to enlarge a small frame, so that there is room for words on it.

    Example:
        >>> readable_scale((480, 640)), readable_scale((96, 128))
        (1, 3)
    """
    return max(1, -(-READABLE_SIDE // min(frame_hw)))


def draw_classification(result: Classification, frame: Picture, *, scale: int = 1) -> Picture:
    """A copy of the frame with the most probable class and its probability in the corner.

    Args:
        result: What was recognised.
        frame: (H, W, 3) RGB, or grey; it is left as it was.
        scale: The copy is enlarged by this whole number, as `readable_scale` proposes it.

    Returns:
        (H * scale, W * scale, 3) RGB.
    """
    canvas = _Canvas(frame, scale)
    text = f"{result.name} {result.score:.2f}"
    canvas.label(text, corner_xy=(0, 0), colour=colour_of(result.label))
    return canvas.pixels()


def draw_absence(text: str, frame: Picture) -> Picture:
    """A frame of before, dark enough that nobody takes it for now, with words in the corner.

    Args:
        text: Such as "stale: no frame for 3 s".
        frame: (H, W, 3) RGB; it is left as it was.
    """
    canvas = _Canvas((frame * DARK).astype(np.uint8), 1)
    canvas.label(text, corner_xy=(0, 0), colour=PALETTE[0])
    return canvas.pixels()


def draw_detections(result: Detections, frame: Picture, *, scale: int = 1) -> Picture:
    """A copy of the frame with every box in its class's colour, its name and its score.

    Args and returned shape as for `draw_classification`; the best box lies on top.
    """
    canvas = _Canvas(frame, scale)
    for index in reversed(range(len(result))):
        label = int(result.labels[index])
        text = f"{result.classes[label]} {result.scores[index]:.2f}"
        if result.ids is not None:
            text = f"{result.ids[index]}: {text}"
        canvas.box(result.boxes[index], text=text, colour=colour_of(label))
    return canvas.pixels()


def draw_segmentation(result: Segmentation, frame: Picture, *, scale: int = 1) -> Picture:
    """A copy of the frame tinted by class, and a legend of the classes in it, largest first.

    Args and returned shape as for `draw_classification`. Pixels of index 255 keep their colour;
    classes for which the legend has no room are counted in its last line.

    Raises:
        ShapeError: If the mask is not as large as the frame.
    """
    frame = with_channels(frame, 3)
    if result.mask.shape != frame.shape[:2]:
        raise ShapeError(
            f"a mask of {result.mask.shape} on a frame of {frame.shape[:2]}",
            do="draw it on the frame that it was made from",
        )
    canvas = _Canvas(_tinted(frame, result.mask), scale)
    shares = [(share, label) for label, share in enumerate(result.shares().values()) if share > 0]
    largest_first = sorted(shares, key=lambda pair: (-pair[0], pair[1]))
    canvas.legend([(f"{result.classes[i]} {share:.0%}", i) for share, i in largest_first])
    return canvas.pixels()


def _tinted(frame: Picture, mask: NDArray[np.uint8]) -> Picture:
    colours = np.array([colour_of(label) for label in range(256)], np.float32)
    opacity = np.full((256, 1), MASK_OPACITY, np.float32)
    opacity[IGNORE] = 0
    # By table: what a class adds, and what it leaves of the frame.
    added, left = colours * opacity, 1 - opacity
    return (frame * left[mask] + added[mask] + 0.5).astype(np.uint8)


class _Canvas:
    """A copy of a frame to draw on, with sizes of pen and letters that suit it."""

    def __init__(self, frame: Picture, scale: int) -> None:
        large = with_channels(frame, 3).repeat(scale, axis=0).repeat(scale, axis=1)
        self._image = Image.fromarray(large)
        self._draw = ImageDraw.Draw(self._image)
        self._scale = scale
        side = min(self._image.size)
        self._pen = max(1, round(side / 200))
        self._font = _font(max(10, round(side / 28)))
        self._margin = max(2, round(side / 160))

    def pixels(self) -> Picture:
        return np.array(self._image)

    def box(self, box: NDArray[np.float32], *, text: str, colour: Colour) -> None:
        left, top, right, bottom = (round(float(edge) * self._scale) for edge in box)
        # Boxes are half-open and Pillow's rectangles are not; a thin box keeps one pixel.
        right, bottom = max(right - 1, left), max(bottom - 1, top)
        # A seam of the other brightness: a dark line would vanish on a dark frame.
        seam = (left - 1, top - 1, right + 1, bottom + 1)
        self._draw.rectangle(seam, outline=_ink_on(colour), width=self._pen + 2)
        self._draw.rectangle((left, top, right, bottom), outline=colour, width=self._pen)
        self.label(text, corner_xy=(left, top - self._line_height()), colour=colour)

    def label(self, text: str, *, corner_xy: tuple[int, int], colour: Colour) -> None:
        """Text on a background, moved until it lies within the picture as far as it can."""
        width, height = self._text_width(text) + 2 * self._margin, self._line_height()
        left = max(0, min(corner_xy[0], self._image.width - width))
        top = max(0, min(corner_xy[1], self._image.height - height))
        self._draw.rectangle((left, top, left + width - 1, top + height - 1), fill=colour)
        self._write(text, left=left + self._margin, top=top, fill=_ink_on(colour))

    def legend(self, entries: list[tuple[str, int]]) -> None:
        """Colour and text by line, on a dark ground, from the lower left corner up."""
        line = self._line_height()
        room = max(1, self._image.height // line)
        lines = entries if len(entries) <= room else entries[: room - 1]
        texts = [text for text, _ in lines]
        if len(lines) < len(entries):
            texts.append(f"and {len(entries) - len(lines)} more")
        width = max(map(self._text_width, texts), default=0) + line + 2 * self._margin
        top = self._image.height - line * len(texts)
        if texts:
            ground = (0, top, width - 1, self._image.height - 1)
            self._draw.rectangle(ground, fill=(32, 32, 32))
        for row, text in enumerate(texts):
            self._write(text, left=line + self._margin, top=top + row * line, fill=(255, 255, 255))
        for row, (_, label) in enumerate(lines):
            self._swatch(top + row * line, size=line, colour=colour_of(label))

    def _swatch(self, top: int, *, size: int, colour: Colour) -> None:
        inset = max(2, size // 5)
        edges = (inset, top + inset, size - 1 - inset, top + size - 1 - inset)
        self._draw.rectangle(edges, fill=colour)

    def _write(self, text: str, *, left: int, top: int, fill: Colour) -> None:
        middle = top + self._line_height() / 2
        self._draw.text((left, middle), text, fill=fill, font=self._font, anchor="lm")

    def _text_width(self, text: str) -> int:
        return int(self._font.getlength(text) + 0.999)

    def _line_height(self) -> int:
        ascent, descent = self._font.getmetrics()
        return int(ascent + descent) + self._margin


@cache
def _font(size: int) -> Any:
    """Pillow's own font, so that a picture looks the same on every machine."""
    return ImageFont.load_default(size)


def _ink_on(colour: Colour) -> Colour:
    """Black or white, whichever is easier to read there (luma of ITU-R BT.601)."""
    red, green, blue = colour
    is_light = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    return (0, 0, 0) if is_light else (255, 255, 255)
