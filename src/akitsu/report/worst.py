"""A contact sheet of the pictures that went worst: where the next hour of labelling belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from akitsu.errors import DataError
from akitsu.files import whole_file
from akitsu.runtime.threads import opencv

Frame = NDArray[np.uint8]
Entry = tuple[Frame, Frame | None, Frame | None, str]

GAP, LINE, TEXT, LETTER = 12, 18, 14, 7.2  # pixels
CAPTION_LINES = 2
PAPER, INK, FAINT = (255, 255, 255), (34, 34, 34), (238, 238, 238)
# By the number of panels beside each other: the width of one in pixels, and entries in a row.
WIDTHS = {1: 200, 2: 300, 3: 300}
ENTRIES = {1: 4, 2: 2, 3: 1}
HEADS = ("picture", "truth", "recognised")


def draw_worst(path: Path, entries: Sequence[Entry]) -> None:
    """Write the sheet as a PNG, the first entry at the top left.

    Args:
        path: Where the PNG shall stand.
        entries: Frame (H, W, 3) RGB, the same with the truth drawn, the same with the prediction
            drawn, caption. Truth and prediction may be None in all of them: a class is read
            rather than seen, and the caption says it.

    Raises:
        DataError: If there is no entry.
    """
    if not entries:
        raise DataError("there is no picture to show", do="score at least one picture")
    panels = max(sum(panel is not None for panel in entry[:3]) for entry in entries)
    height, width = entries[0][0].shape[:2]
    shape = WIDTHS[panels], round(WIDTHS[panels] * min(max(height / width, 0.5), 1.25))
    cells = [_cell(entry, panels=panels, size_wh=shape) for entry in entries]
    per_row = min(ENTRIES[panels], len(cells))
    rows = [_beside(cells[i : i + per_row]) for i in range(0, len(cells), per_row)]
    sheet = _framed(np.concatenate([_widened(row, rows[0].shape[1]) for row in rows]))
    with whole_file(path) as temporary:
        Image.fromarray(sheet).save(temporary, format="PNG", optimize=True)


def _cell(entry: Entry, *, panels: int, size_wh: tuple[int, int]) -> Frame:
    """The panels of one picture beside each other, what each is above, the caption below."""
    width = size_wh[0]
    shown = [
        (head, panel) for head, panel in zip(HEADS, entry[:3], strict=True) if panel is not None
    ]
    pictures = _beside([_fitted(panel, size_wh) for _, panel in shown])
    canvas = _widened(pictures, panels * width + (panels - 1) * GAP)
    top = LINE + 2 if panels > 1 else 0
    bottom = CAPTION_LINES * LINE + GAP
    canvas = np.pad(canvas, ((top, bottom), (0, 0), (0, 0)), constant_values=255)
    image = Image.fromarray(canvas)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(TEXT)
    for index, (head, _) in enumerate(shown if panels > 1 else []):
        pen.text((index * (width + GAP), 0), head, font=font, fill=(110, 110, 110))
    caption = _wrapped(entry[3], letters=int(canvas.shape[1] / LETTER))
    pen.text((0, top + pictures.shape[0] + 4), caption, font=font, fill=INK, spacing=3)
    return np.asarray(image)


def _fitted(frame: Frame, box_wh: tuple[int, int]) -> Frame:
    """The frame in a box of that size, its sides in proportion."""
    width, height = box_wh
    scale = min(width / frame.shape[1], height / frame.shape[0])
    size_wh = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    # Small digits stay the squares that they are; large photographs are averaged, not sampled.
    way = opencv().INTER_AREA if scale < 1 else opencv().INTER_NEAREST
    small = opencv().resize(np.ascontiguousarray(frame), size_wh, interpolation=way)
    canvas = np.full((height, width, 3), FAINT, np.uint8)
    top, left = (height - size_wh[1]) // 2, (width - size_wh[0]) // 2
    canvas[top : top + size_wh[1], left : left + size_wh[0]] = small
    return canvas


def _wrapped(caption: str, *, letters: int) -> str:
    # Python breaks lines at plain spaces only: a number stays beside its per cent.
    kept = caption.replace(" %", "\u00a0%")
    lines = wrap(kept, width=letters, max_lines=CAPTION_LINES, placeholder=" …")
    return "\n".join(lines).replace("\u00a0", " ")


def _beside(pictures: Sequence[Frame]) -> Frame:
    gap = np.full((pictures[0].shape[0], GAP, 3), PAPER, np.uint8)
    return np.concatenate([part for p in pictures for part in (gap, p)][1:], axis=1)


def _widened(picture: Frame, width: int) -> Frame:
    return np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255)


def _framed(picture: Frame) -> Frame:
    return np.pad(picture, ((GAP, GAP), (GAP, GAP), (0, 0)), constant_values=255)
