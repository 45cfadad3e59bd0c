"""Pascal VOC label files: one XML per picture, read with care since they come from strangers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from akitsu.data.formats.findings import Finding

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CORNERS = ("xmin", "ymin", "xmax", "ymax")

# The label of a crowd with a thousand boxes has 300 kB.
MAX_LABEL_BYTES = 16 * 2**20


@dataclass(frozen=True)
class LabelledObject:
    """One object as the file tells it.

    Attributes:
        number: Its place in the file, from 1.
        name: Its class.
        corners: xmin, ymin, xmax, ymax as written: pixels, counted from 1 or from 0.
        difficult: Whether the score neither asks for it nor punishes it.
    """

    number: int
    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class Label:
    """What one label file says.

    Attributes:
        path: The file.
        size_hw: Rows and columns of the picture as stated, or None.
        objects: The objects that could be read.
        findings: What could not.
        filename: The picture's file name as stated, without folders, or "".
    """

    path: Path
    size_hw: tuple[int, int] | None = None
    objects: list[LabelledObject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    filename: str = ""


def read_label(path: Path) -> Label:
    """Read one label file; whatever is wrong with it is among the findings, never raised."""
    try:
        root = _root(path)
        objects = [_object(element, number) for number, element in _numbered(root)]
    except _FaultError as fault:
        return Label(path, findings=[fault.at(path)])
    findings = [o.at(path, f"object {n}") for n, o in enumerate(objects, 1)
                if isinstance(o, _FaultError)]  # fmt: skip
    sound = [o for o in objects if isinstance(o, LabelledObject)]
    stated = (root.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
    return Label(path, _size(root), sound, findings, stated)


class _FaultError(Exception):
    """A fault on its way to the place where the file is known."""

    def __init__(self, code: str, what: str, *, do: str, line: int | None = None) -> None:
        super().__init__(what)
        self.code, self.what, self.do, self.line = code, what, do, line

    def at(self, path: Path, place: str = "") -> Finding:
        where = f"{path}:{self.line}" if self.line else str(path)
        return Finding(self.code, "E", f"{where}, {place}" if place else where, self.what, self.do)


def _root(path: Path) -> Element:
    content = _bytes(path)
    try:
        root: Element = fromstring(content)
    except DefusedXmlException as error:
        what = f"entity declarations, which no label needs ({type(error).__name__})"
        raise _FaultError("xml-bomb", what, do="delete its <!DOCTYPE> part") from error
    except ParseError as error:
        raise _broken_xml(content, error) from error
    except (ValueError, LookupError) as error:
        what = f"its text encoding cannot be read ({error})"
        raise _FaultError("text-enc", what, do="save it as UTF-8") from error
    if root.tag != "annotation":
        what = f"a document <{root.tag[:40]}> where <annotation> belongs"
        raise _FaultError("xml-broken", what, do="keep only VOC labels in this folder")
    return root


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_LABEL_BYTES:
            what = f"{path.stat().st_size:,} bytes, more than any label has"
            raise _FaultError("xml-broken", what, do="split it or leave it out")
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be opened").lower()
        raise _FaultError("xml-broken", reason, do="check the file and its rights") from error


def _broken_xml(content: bytes, error: ParseError) -> _FaultError:
    line, _ = getattr(error, "position", (None, None))
    try:
        content.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        what = f"not UTF-8 text (byte {wrong.start}); it may be {_likely_encoding(content)}"
        advice = "save it as UTF-8, or name its encoding in the first line"
        return _FaultError("text-enc", what, do=advice, line=line)
    if not content.strip():
        return _FaultError("xml-broken", "an empty file", do="copy it again or delete it")
    reason = str(error).partition(":")[0]
    return _FaultError("xml-broken", f"broken XML ({reason})", do="copy it again", line=line)


def _likely_encoding(content: bytes) -> str:
    try:
        content.decode("cp932")
    except UnicodeDecodeError:
        return "latin-1"
    return "Shift-JIS (cp932)"


def _numbered(root: Element) -> list[tuple[int, Element]]:
    return list(enumerate(root.findall("object"), 1))


def _object(element: Element, number: int) -> LabelledObject | _FaultError:
    """One object, or what is wrong with it, so that the other objects are still examined."""
    try:
        name = (element.findtext("name") or "").strip()
        if not name:
            return _FaultError("cls-unknown", "it has no name", do="write its class into <name>")
        box = element.find("bndbox")
        if box is None:
            return _FaultError("box-corners", f"{name!r} has no <bndbox>", do="draw its box")
        xmin, ymin, xmax, ymax = (_number(box, corner) for corner in CORNERS)
    except _FaultError as fault:
        return fault
    difficult = (element.findtext("difficult") or "0").strip() == "1"
    return LabelledObject(number, name, (xmin, ymin, xmax, ymax), difficult)


def _number(box: Element, corner: str) -> float:
    text = box.findtext(corner)
    if text is None:
        raise _FaultError("box-corners", f"there is no <{corner}>", do="draw the box again")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        what = f"{corner} is {text.strip()[:40]!r} where a number of pixels belongs"
        raise _FaultError("box-corners", what, do="write a number")
    return value


def _size(root: Element) -> tuple[int, int] | None:
    """The stated size; tools that do not know it leave it out or write 0."""
    try:
        height, width = (int(float(root.findtext(f"size/{k}") or 0)) for k in ("height", "width"))
    except (ValueError, OverflowError):
        return None
    return (height, width) if height > 0 and width > 0 else None
