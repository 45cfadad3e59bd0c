"""Darknet's .cfg files: sections of `key=value`, each remembered with its line.

`[net]` comes first and says the input's size; every section after it is a layer, numbered from 0.
The format has no description but its readers, pjreddie/darknet and AlexeyAB/darknet (both public
domain).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from akitsu.errors import ModelFileError

LARGEST_FILE = 2**20
"""Bytes; the longest of Darknet's own has 25,000."""
LARGEST_NUMBER = 2**20
"""No side, count of filters or layer number of a real network is larger."""


@dataclass(frozen=True)
class Section:
    """One layer, or `[net]`.

    Attributes:
        kind: What stands between the brackets, in small letters.
        file: For messages.
        line: Of the brackets, from 1.
        values: Text by key; unknown keys stay.
        lines: The line of each key.
    """

    kind: str
    file: str
    line: int
    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def whole(self, key: str, default: int, *, least: int = 0) -> int:
        """A whole number.

        Raises:
            ModelFileError: If it is none, or is out of range.
        """
        found = self.wholes(key, default=(default,), least=least)
        if len(found) != 1:
            raise self.wrong(f"{len(found)} numbers where one belongs", key=key)
        return found[0]

    def wholes(self, key: str, *, default: tuple[int, ...] = (), least: int = 0) -> tuple[int, ...]:
        """Whole numbers with commas between.

        Raises:
            ModelFileError: If one is none, or is out of range.
        """
        found = []
        for text in self._parts(key):
            try:
                number = int(text)
            except ValueError as error:
                raise self.wrong(f"{text!r} is no whole number", key=key) from error
            if not least <= number <= LARGEST_NUMBER:
                raise self.wrong(f"{number} is out of range, which begins at {least}", key=key)
            found.append(number)
        return tuple(found) if key in self.values else default

    def number(self, key: str, default: float) -> float:
        """A number.

        Raises:
            ModelFileError: If it is none.
        """
        found = self.numbers(key)
        if key in self.values and len(found) != 1:
            raise self.wrong(f"{len(found)} numbers where one belongs", key=key)
        return found[0] if found else default

    def numbers(self, key: str) -> tuple[float, ...]:
        """Numbers with commas between; none where the key is missing.

        Raises:
            ModelFileError: If one is none.
        """
        found = []
        for text in self._parts(key):
            try:
                number = float(text)
            except ValueError as error:
                raise self.wrong(f"{text!r} is no number", key=key) from error
            if not abs(number) < float(LARGEST_NUMBER):
                raise self.wrong(f"{text} is no size that a network has", key=key)
            found.append(number)
        return tuple(found)

    def wrong(
        self, what: str, *, key: str = "", do: str = "correct the file, or fetch it again"
    ) -> ModelFileError:
        """The error for this section, or for one of its keys."""
        line = self.lines.get(key, self.line)
        name = f"[{self.kind}] {key}: " if key else f"[{self.kind}]: "
        return ModelFileError(f"{name}{what}", where=f"{self.file}:{line}", do=do)

    def _parts(self, key: str) -> list[str]:
        parts = [part.strip() for part in self.values.get(key, "").split(",")]
        return [part for part in parts if part]  # Darknet's own files end some lists with a comma


def read_cfg(path: Path) -> list[Section]:
    """The sections of a .cfg file, `[net]` first.

    Spaces stand anywhere, and are nothing; what follows a `#` or `;` is a comment.

    Raises:
        ModelFileError: If there is no such file, it is no text, or a line is neither.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFileError(reason, where=path, do="name a file that you may read") from error
    if len(content) > LARGEST_FILE or b"\0" in content:
        what = "this is no text of sections such as [net] and [convolutional]"
        raise ModelFileError(what, where=path, do="name Darknet's .cfg file")
    sections = parse_cfg(content.decode("utf-8-sig", errors="replace"), file=str(path))
    if not sections or sections[0].kind not in ("net", "network"):
        what = "the first section is not [net]"
        raise ModelFileError(what, where=path, do="name Darknet's .cfg file")
    if len(sections) == 1:
        raise sections[0].wrong("no layer follows it")
    return sections


def parse_cfg(text: str, *, file: str) -> list[Section]:
    """The sections of a text; `file` is for messages.

    Raises:
        ModelFileError: If a line is neither a section nor a key in one.
    """
    sections: list[Section] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].partition(";")[0].strip()
        if not line:
            continue
        where = f"{file}:{number}"
        if line.startswith("["):
            kind = line[1:].partition("]")[0].strip().lower()
            if not kind or not line.endswith("]"):
                what = f"{_short(line)} begins with a bracket, and is no [section]"
                raise ModelFileError(what, where=where, do="close the bracket")
            sections.append(Section(kind, file, number))
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not key:
            what = f"{_short(line)} is neither [section] nor key=value"
            raise ModelFileError(what, where=where, do="correct the line, or name another file")
        if not sections:
            what = f"{_short(line)} stands before the first [section]"
            raise ModelFileError(what, where=where, do="name Darknet's .cfg file")
        sections[-1].values[key] = value
        sections[-1].lines[key] = number
    return sections


def _short(line: str) -> str:
    return repr(line if len(line) <= 40 else f"{line[:37]}...")
