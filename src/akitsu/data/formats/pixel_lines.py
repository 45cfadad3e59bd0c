"""Lines of digits and commas become an array: all at once, or one by one where one is faulty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

COMMA, LINE_END, ZERO = 44, 10, 48


@dataclass(frozen=True)
class Fault:
    """What is wrong with one line.

    Attributes:
        line: Lines before it in the piece.
        what: The values met and wanted.
    """

    line: int
    what: str


@dataclass(frozen=True)
class Rows:
    """What a piece of a table holds.

    Attributes:
        values: (N, columns) uint8.
        lines: (N,) int64: how many lines of the piece stand before each row.
        count: Lines in the piece, faulty ones included.
        faults: The faulty lines, in order.
    """

    values: NDArray[np.uint8]
    lines: NDArray[np.int64]
    count: int
    faults: list[Fault] = field(default_factory=list)


def parse_lines(piece: bytes, columns: Sequence[str]) -> Rows:
    """Parse whole lines of numbers from 0 to 255 with commas between them.

    Args:
        piece: Lines; the last may lack its line end. Windows line ends are fine.
        columns: Names, for messages; their number is what a line must have.

    Example:
        >>> parse_lines(b"7,0,255\\n1,2\\n", ["label", "pixel0", "pixel1"]).values
        array([[  7,   0, 255]], dtype=uint8)
    """
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n")
    if not piece.endswith(b"\n"):
        piece += b"\n"
    values = _all_at_once(piece, len(columns))
    if values is None:
        return _line_by_line(piece, columns)
    return Rows(values, np.arange(len(values)), len(values))


def _all_at_once(piece: bytes, columns: int) -> NDArray[np.uint8] | None:
    """Every number of the piece by arithmetic on its bytes, or None if anything is unusual.

    Each byte is taken for the last digit of a number, and the digits before it are added at their
    worth; what stands right before a separator is a number's true last digit. No step looks at
    a single byte, so that NumPy's vector instructions do it all.
    """
    text = np.frombuffer(piece, np.uint8)
    digits = text - np.uint8(ZERO)  # separators wrap round to far above 9
    is_digit = digits < 10
    ends = np.flatnonzero(is_digit[:-1] > is_digit[1:])
    if not _regular(text, is_digit, ends, columns):
        return None
    digits *= is_digit
    tens = digits[:-1] * is_digit[1:]
    hundreds = tens[:-1] * is_digit[2:]
    worth = digits.copy()
    worth[1:] += np.uint8(10) * tens
    if (hundreds > 2).any() or ((hundreds == 2) & (worth[2:] > 55)).any():
        return None
    worth[2:] += np.uint8(100) * hundreds
    return worth.take(ends).reshape(-1, columns)


def _regular(
    text: NDArray[np.uint8], is_digit: NDArray[np.bool_], ends: NDArray[np.intp], columns: int
) -> bool:
    """Whether numbers and separators alternate, `columns` numbers a line, three digits at most.

    Counting shows it without looking at each separator: there are as many line ends as there
    should be, they stand where they should, and all else that is no digit is a comma.
    """
    count, rest = len(ends), len(ends) % columns
    if rest or len(text) - np.count_nonzero(is_digit) != count:
        return False
    rows = count // columns
    if np.count_nonzero(text == COMMA) != count - rows:
        return False
    if not (text[ends[columns - 1 :: columns] + 1] == LINE_END).all():
        return False
    two = is_digit[:-1] & is_digit[1:]
    return not (two[:-2] & two[2:]).any()


def _line_by_line(piece: bytes, columns: Sequence[str]) -> Rows:
    rows, lines, faults = [], [], []
    texts = piece[:-1].split(b"\n")
    for line, text in enumerate(texts):
        row = _row(text, columns)
        if isinstance(row, str):
            faults.append(Fault(line, row))
        else:
            rows.append(row)
            lines.append(line)
    values = np.array(rows, np.uint8).reshape(-1, len(columns))
    return Rows(values, np.array(lines, np.int64), len(texts), faults)


def _row(text: bytes, columns: Sequence[str]) -> list[int] | str:
    """The numbers of one line, or what is wrong with it."""
    if not text.strip():
        return "an empty line"
    fields = text.split(b",")
    if len(fields) != len(columns):
        return _wrong_number(len(fields), columns)
    row = []
    for name, value in zip(columns, fields, strict=True):
        digits = value.strip()
        if not digits.isdigit() or len(digits) > 9:
            shown = repr(digits[:20])[1:]  # without the b; foreign bytes stay escaped
            return f"{shown} in column {name} where a whole number from 0 to 255 belongs"
        if int(digits) > 255:
            return f"{int(digits)} in column {name} where a number from 0 to 255 belongs"
        row.append(int(digits))
    return row


def _wrong_number(fields: int, columns: Sequence[str]) -> str:
    labels = sum(not name.startswith("pixel") for name in columns)
    plural = "s" if fields - labels != 1 else ""
    return f"{fields - labels} pixel value{plural} where {len(columns) - labels} belong"
