"""Pictures and masks in files: read with care, since files come from strangers; written whole."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from akitsu.errors import DataError, OutputError
from akitsu.files import whole_file

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
"""What counts as a picture in a folder, in lower case."""

MAX_PIXELS = 64_000_000
"""Larger pictures are refused before they are decoded: 64 megapixels take 192 MB as RGB."""

# Pillow can open far more, some of it by starting other programs; these are the formats of cameras
# and of data sets.
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF")
WRITTEN_AS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}

EXIF_ORIENTATION = 0x0112  # Exif 2.32, section 4.6.4 A
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""

WITH_ALPHA = frozenset({"RGBA", "LA", "PA", "RGBa", "La"})


def read_picture(
    path: str | Path, *, grey: bool = False, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Read a picture upright (EXIF orientation applied), in colour or grey.

    Palettes, CMYK and 16-bit grey (its upper eight bits) are converted; what is transparent is
    laid over white. Of an animation the first picture counts.

    Args:
        path: A JPEG, PNG, BMP, WebP, TIFF, PPM or GIF file; its content decides, not its name.
        grey: One channel instead of three.
        max_pixels: Larger pictures are refused before they are decoded.

    Returns:
        (H, W, 3) RGB or (H, W, 1) grey, uint8.

    Raises:
        DataError: If the file is missing, empty, too large, broken, or not a picture.
    """
    with _opened(Path(path), max_pixels=max_pixels) as image:
        return _pixels(image, grey=grey, where=Path(path))


def decode_picture(
    content: bytes, *, where: str | Path, grey: bool = False, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """The same for a picture that is a part of another file.

    Args:
        content: What a file of its own would hold.
        where: Its place, for messages.
        grey: One channel instead of three.
        max_pixels: Larger pictures are refused before they are decoded.

    Returns:
        (H, W, 3) RGB or (H, W, 1) grey, uint8.

    Raises:
        DataError: As `read_picture`.
    """
    with _sound(BytesIO(content), where=where, max_pixels=max_pixels) as image:
        return _pixels(image, grey=grey, where=where)


def read_mask(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read a mask: class indices as grey values, palette indices, or black and white (0 and 1).

    Returns:
        (H, W) uint8 class indices.

    Raises:
        DataError: As `read_picture`, and if the mask is a colour picture or has indices over 255.
    """
    with _opened(Path(path), max_pixels=max_pixels) as image:
        return _indices(image, where=Path(path))


def decode_mask(
    content: bytes, *, where: str | Path, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """The same for a mask that is a part of another file, whose place `where` is for messages.

    Returns:
        (H, W) uint8 class indices.

    Raises:
        DataError: As `read_mask`.
    """
    with _sound(BytesIO(content), where=where, max_pixels=max_pixels) as image:
        return _indices(image, where=where)


def picture_size(path: str | Path) -> tuple[int, int]:
    """Rows and columns of the upright picture, from its header alone.

    Raises:
        DataError: If the file is missing, empty, or not a picture.
    """
    with _opened(Path(path), max_pixels=None) as image:
        width, height = image.size
        return (width, height) if _orientation(image) >= 5 else (height, width)


def list_pictures(folder: str | Path) -> list[Path]:
    """The pictures directly in a folder, hidden ones left out, in the byte order of their names.

    Raises:
        DataError: If there is no such folder.
    """
    folder = Path(folder)
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".")
                and Path(entry.name).suffix.lower() in PICTURE_SUFFIXES
                and entry.is_file()
            ]
    except OSError as error:
        raise _cannot_open(folder, error) from error
    return [folder / name for name in sorted(names, key=os.fsencode)]


def write_picture(path: str | Path, image: NDArray[np.uint8], *, force: bool = True) -> None:
    """Write (H, W, 3) RGB, (H, W, 1) or (H, W) grey as PNG or JPEG, by the name's suffix.

    Raises:
        OutputError: If the suffix is another, the file exists and `force` is False, or the place
            cannot be written.
    """
    path = Path(path)
    kind = WRITTEN_AS.get(path.suffix.lower())
    if kind is None:
        raise OutputError(
            f"pictures are not written as {path.suffix or 'a file without suffix'}",
            where=path,
            do="name a .png or .jpg file",
        )
    pixels = image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image
    with whole_file(path, force=force) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format=kind, quality=95)


def _pixels(image: Image.Image, *, grey: bool, where: str | Path) -> NDArray[np.uint8]:
    upright = _upright(image)
    pixels = np.array(_eight_bit(upright, where=where).convert("L" if grey else "RGB"))
    return pixels.reshape(*pixels.shape[:2], 1 if grey else 3)


def _indices(image: Image.Image, *, where: str | Path) -> NDArray[np.uint8]:
    step = _grey_step(image)
    indices = np.array(_upright(image))
    mode = image.mode
    if mode not in ("L", "P", "1") and not mode.startswith("I"):
        raise DataError(
            f"a colour picture ({mode}) where class indices belong",
            where=where,
            do="save the mask as a grey or palette PNG whose values are the class indices",
        )
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) <= 255:
        worst = int(indices.max()) if indices.max() > 255 else int(indices.min())
        raise DataError(
            f"class index {worst} where 0 to 255 belong", where=where, do="save 8-bit class indices"
        )
    return indices.astype(np.uint8) // np.uint8(step)


@contextmanager
def _opened(path: Path, *, max_pixels: int | None) -> Iterator[Image.Image]:
    """A picture whose header has been read and found sound; errors within become a DataError."""
    try:
        file = path.open("rb")
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    with file, _sound(file, where=path, max_pixels=max_pixels) as image:
        yield image


@contextmanager
def _sound(file: BinaryIO, *, where: str | Path, max_pixels: int | None) -> Iterator[Image.Image]:
    with _quiet_pillow():
        start = file.read(512)
        if not start:
            raise DataError("an empty file", where=where, do="copy or download it again")
        try:
            yield _header(file, start=start, where=where, max_pixels=max_pixels)
        except DataError:
            raise
        # A broken file makes Pillow's decoders raise nearly anything (SyntaxError, struct.error,
        # zlib.error, IndexError, …), so no shorter list is safe.
        except Exception as error:
            raise DataError(
                f"a broken picture ({str(error).strip() or type(error).__name__})",
                where=where,
                do="copy or download it again",
            ) from error


def _header(
    file: BinaryIO, *, start: bytes, where: str | Path, max_pixels: int | None
) -> Image.Image:
    try:
        image = _open_at_start(file)
    except Image.DecompressionBombError as error:
        raise _too_large(where, size="", limit=max_pixels or MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        raise DataError(_not_a_picture(start), where=where, do="delete or replace it") from error
    if max_pixels is None:
        return image
    width, height = image.size
    if width * height > max_pixels:
        raise _too_large(where, size=f" of {width} x {height}", limit=max_pixels)
    if isinstance(image, PngImageFile):
        # While decoding, Pillow skips the checksums of the pixel data; one flipped bit would pass.
        image.verify()
        image = _open_at_start(file)
    return image


def _open_at_start(file: BinaryIO) -> Image.Image:
    file.seek(0)
    return Image.open(file, formats=FORMATS)


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Pillow warns of large pictures and odd metadata; our errors say what matters of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def _upright(image: Image.Image) -> Image.Image:
    turn = TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(EXIF_ORIENTATION, 1))
    # Broken metadata says nothing of the pixels: such a picture is taken as it lies.
    except Exception:
        return 1


def _eight_bit(image: Image.Image, *, where: str | Path) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.array(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(
            f"pixels of 32 bits (mode {image.mode}) where 8 or 16 belong",
            where=where,
            do="save it as an 8-bit picture",
        )
    if image.mode in WITH_ALPHA or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image


def _grey_step(image: Image.Image) -> int:
    """The factor by which Pillow spreads grey PNGs of 2 or 4 bits over 0 to 255."""
    if not isinstance(image, PngImageFile) or not image.tile:
        return 1
    return {"L;2": 85, "L;4": 17}.get(str(image.tile[0][3]), 1)


def _cannot_open(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError("there is no such file or folder", where=path, do="check the path")
    if isinstance(error, IsADirectoryError):
        return DataError("a folder where a picture belongs", where=path, do="name a file in it")
    if isinstance(error, NotADirectoryError):
        return DataError("a file where a folder belongs", where=path, do="name its folder")
    reason = getattr(error, "strerror", None) or str(error)
    return DataError(f"cannot be opened ({reason.lower()})", where=path, do="check the path")


def _not_a_picture(start: bytes) -> str:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"<":
        return "a web page or XML where a picture belongs"
    if text.isascii() and text.decode("ascii").replace("\n", "").replace("\r", "").isprintable():
        return "a text where a picture belongs"
    return "not a picture of a known kind, or a broken one"


def _too_large(where: str | Path, *, size: str, limit: int) -> DataError:
    what = f"a picture{size} with more than {limit:,} pixels"
    return DataError(what, where=where, do="shrink it first")
