"""Faults of one picture file: missing, empty, cut off, a bomb, misnamed, turned."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from akitsu.data.formats.findings import Finding
from akitsu.errors import DataError
from akitsu.runtime.pictures import EXIF_ORIENTATION, FORMATS, MAX_PIXELS, read_picture

MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\x00", b"MM\x00*",
    b"P1", b"P2", b"P3", b"P4", b"P5", b"P6",
)  # fmt: skip
"""First bytes of the picture formats that akitsu reads."""

SUFFIXES = {
    "JPEG": {".jpg", ".jpeg"}, "MPO": {".jpg", ".jpeg", ".mpo"}, "PNG": {".png"},
    "BMP": {".bmp"}, "WEBP": {".webp"}, "TIFF": {".tif", ".tiff"},
    "PPM": {".ppm", ".pgm", ".pbm"}, "GIF": {".gif"},
}  # fmt: skip

# No lossy or lossless coder of photos comes near this; a file that promises more is made to fill
# the memory. Small flat pictures may, and do no harm.
BOMB_PIXELS_A_BYTE = 2000
HARMLESS_PIXELS = 1_000_000

# A JPEG's end mark cannot occur in its coded pixels; some cameras append a few hundred bytes.
JPEG_END = b"\xff\xd9"
JPEG_TAIL = 4096


@dataclass(frozen=True)
class Header:
    """What a picture file says of itself before it is decoded."""

    kind: str
    size_hw: tuple[int, int]
    orientation: int

    @property
    def upright_hw(self) -> tuple[int, int]:
        """Rows and columns once the EXIF orientation is applied."""
        height, width = self.size_hw
        return (width, height) if self.orientation >= 5 else (height, width)


def examine_picture(path: Path) -> list[Finding]:
    """Everything wrong with a picture file, which is decoded unless its header forbids it."""
    header, findings = read_header(path)
    if header is None:
        return findings
    findings += _name_and_turn(path, header)
    try:
        read_picture(path)
    except DataError as error:
        return [*findings, Finding.from_error(error, code="img-truncated")]
    if header.kind in ("JPEG", "MPO") and JPEG_END not in _tail(path):
        findings.append(
            Finding("img-truncated", "W", str(path), "this JPEG lacks its end mark",
                    "look at its last rows and copy it again if they are grey")
        )  # fmt: skip
    return findings


def read_header(path: Path) -> tuple[Header | None, list[Finding]]:
    """The header of a picture that may be decoded, or None and the reason why not."""
    fault = _not_there(path) or _no_picture(path)
    if fault is not None:
        return None, [fault]
    try:
        header = _header(path)
    except Image.DecompressionBombError:
        return None, [_bomb(path, f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,}")]
    # As in runtime.pictures: a broken header makes Pillow raise nearly anything.
    except Exception as error:
        what = f"a broken picture ({str(error).strip() or type(error).__name__})"
        return None, [Finding("img-truncated", "E", str(path), what, "copy or download it again")]
    pixels = header.size_hw[0] * header.size_hw[1]
    too_dense = pixels > HARMLESS_PIXELS and pixels > BOMB_PIXELS_A_BYTE * path.stat().st_size
    if pixels > MAX_PIXELS or too_dense:
        return None, [_bomb(path, f"{pixels:,}")]
    return header, []


def likely_file(path: Path) -> str:
    """Advice that names the file one may have meant: other case, other extension."""
    if path.parent.is_dir():
        for other in sorted(path.parent.iterdir()):
            if other.stem.casefold() == path.stem.casefold():
                return f"did you mean {other.name}"
    return "copy it there or leave it out of the list"


def _not_there(path: Path) -> Finding | None:
    if path.is_file():
        return None
    return Finding("img-missing", "E", str(path), "there is no such picture", likely_file(path))


def _no_picture(path: Path) -> Finding | None:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        return Finding("img-missing", "E", str(path), reason, "check the file's rights")
    if start.startswith(MAGIC):
        return None
    what = f"not a picture (it starts with {start[:8]!r})" if start else "an empty file"
    return Finding("img-empty", "E", str(path), what, "copy or download it again")


def _header(path: Path) -> Header:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            try:
                orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            except Exception:
                orientation = 1  # broken metadata: runtime.pictures takes it as it lies, too
            return Header(image.format or "", (height, width), orientation)


def _bomb(path: Path, pixels: str) -> Finding:
    what = f"its header promises {pixels} pixels in {path.stat().st_size:,} bytes"
    return Finding("img-bomb", "E", str(path), what, "shrink it or leave it out")


def _name_and_turn(path: Path, header: Header) -> list[Finding]:
    findings = []
    suffixes = SUFFIXES.get(header.kind)
    if suffixes is not None and path.suffix.lower() not in suffixes:
        findings.append(
            Finding("img-ext", "W", str(path), f"the content is {header.kind}",
                    "rename it; akitsu goes by the content")
        )  # fmt: skip
    if 2 <= header.orientation <= 8:
        findings.append(
            Finding("img-exif", "W", str(path), f"EXIF orientation {header.orientation}",
                    "akitsu turns it upright; see that the labels were drawn on it so")
        )  # fmt: skip
    return findings


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - JPEG_TAIL))
        return file.read()
