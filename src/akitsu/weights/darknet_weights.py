"""Darknet's .weights files: a head of whole numbers, then float32 after float32, layer by layer.

The file names no layer: only the .cfg says which number belongs where, and every byte has its
place. The order within a layer is that of pjreddie/darknet (public domain).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from akitsu.errors import ModelFileError
from akitsu.files import whole_file
from akitsu.models.detection.darknet import Darknet
from akitsu.models.detection.darknet_layers import LocallyConnected

WHOLE, LONG, VALUE = np.dtype("<i4"), np.dtype("<u8"), np.dtype("<f4")
LARGEST_FILE = 2**31
"""Bytes; the full YOLO v1 has 10^9."""
WEIGHTED = (nn.Conv2d, nn.Linear, LocallyConnected)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
FIRST_OF_OLD = 1000
"""Files of before there were versions begin with a float, which is a large whole number."""


@dataclass(frozen=True)
class Header:
    """How a file begins.

    Attributes:
        major, minor, revision: Of Darknet.
        seen: Pictures of the training.
    """

    major: int = 0
    minor: int = 2
    revision: int = 0
    seen: int = 0

    @property
    def transposed(self) -> bool:
        """Whether dense weights are stored inputs first."""
        return self.major > FIRST_OF_OLD or self.minor > FIRST_OF_OLD

    @property
    def is_long(self) -> bool:
        """Whether `seen` takes 8 bytes rather than 4."""
        return 10 * self.major + self.minor >= 2 and not (
            self.major >= FIRST_OF_OLD or self.minor >= FIRST_OF_OLD
        )

    @property
    def version(self) -> str:
        """As in "0.2.5"; older files have none."""
        return "before 0.1" if self.transposed else f"{self.major}.{self.minor}.{self.revision}"

    @property
    def size(self) -> int:
        """Bytes: 16 or 20."""
        return 3 * WHOLE.itemsize + (LONG if self.is_long else WHOLE).itemsize

    def to_bytes(self) -> bytes:
        """As it stands in the file."""
        versions = np.array([self.major, self.minor, self.revision], WHOLE)
        return versions.tobytes() + np.array([self.seen], LONG if self.is_long else WHOLE).tobytes()


def read_weights(path: Path, network: Darknet, *, layers: int | None = None) -> Header:
    """Give a network the weights of a file.

    Args:
        path: The .weights file.
        network: Of the .cfg that belongs to it; changed in place.
        layers: Take the first so many only, as for a backbone such as darknet19_448.conv.23, whose
            file ends there.

    Raises:
        ModelFileError: If the file is shorter or longer than the network.
    """
    content = _content(path)
    header = read_header(content, path=path)
    numbers = np.frombuffer(content, VALUE, offset=header.size)
    slots = list(_slots(network, transposed=header.transposed, layers=layers))
    wanted = sum(slot.numel() for slot in slots)
    if wanted != len(numbers):
        raise ModelFileError(
            f"{len(content):,} bytes where the network wants {header.size + 4 * wanted:,}",
            where=path,
            do="name the .cfg that belongs to it, or fetch it again: the download may be cut",
        )
    first = 0
    with torch.no_grad():
        for slot in slots:
            part = numbers[first : first + slot.numel()]
            slot.copy_(torch.from_numpy(part.copy()).reshape(slot.shape))
            first += slot.numel()
    return header


def write_weights(path: Path, network: Darknet, header: Header, *, force: bool = False) -> None:
    """Write the file that `read_weights` reads.

    Raises:
        OutputError: If it is there and `force` is False.
    """
    slots = _slots(network, transposed=header.transposed)
    parts = [slot.detach().cpu().numpy().astype(VALUE).tobytes() for slot in slots]
    with whole_file(path, force=force) as file:
        file.write_bytes(b"".join([header.to_bytes(), *parts]))


def read_header(content: bytes, *, path: Path) -> Header:
    """The first bytes of a file.

    Raises:
        ModelFileError: If there are too few, or they leave no whole float32s behind them.
    """
    do = "fetch the file again: the download may be cut"
    if len(content) < Header(0, 1).size:
        raise ModelFileError(f"{len(content)} bytes are no weights", where=path, do=do)
    major, minor, revision = np.frombuffer(content, WHOLE, 3).tolist()
    empty = Header(major, minor, revision)
    if (len(content) - empty.size) % VALUE.itemsize:
        what = f"{len(content):,} bytes are no whole number of float32"
        raise ModelFileError(what, where=path, do=do)
    kind = LONG if empty.is_long else WHOLE
    if len(content) < empty.size:
        raise ModelFileError(f"{len(content)} bytes are no weights", where=path, do=do)
    seen = int(np.frombuffer(content, kind, 1, offset=3 * WHOLE.itemsize)[0])
    return Header(major, minor, revision, seen)


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size <= LARGEST_FILE:
            return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFileError(reason, where=path, do="name a file that you may read") from error
    what = f"{size:,} bytes are more than any network of Darknet has"
    raise ModelFileError(what, where=path, do="name a .weights file")


def _slots(network: Darknet, *, transposed: bool, layers: int | None = None) -> Iterator[Tensor]:
    """Views of a network's numbers, in the order of the file."""
    for layer in list(network.layers)[:layers]:
        modules = list(layer.modules())
        main = next((each for each in modules if isinstance(each, WEIGHTED)), None)
        norm = next((each for each in modules if isinstance(each, NORMS)), None)
        if main is None:
            continue
        # With a normalisation, the bias is its own.
        bias: Tensor = main.bias if norm is None else norm.bias  # type: ignore[assignment]
        statistics = () if norm is None else (norm.weight, norm.running_mean, norm.running_var)
        weight: Tensor = main.weight
        if transposed and isinstance(main, nn.Linear):
            weight = weight.t()
        if isinstance(main, nn.Conv2d):
            yield from (bias, *statistics, weight)
        else:
            yield from (bias, weight, *statistics)
