"""Weights from the network: whole or not at all, and only if the checksum in the name is right."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from akitsu.errors import ModelFileError
from akitsu.files import whole_file

TIMEOUT_S = 20.0
PART = 2**20  # bytes
# torchvision's habit: the first digits of the SHA-256 stand in the file's name.
CHECKSUM = re.compile(r"-([0-9a-f]{8,64})\.pth$")


class DownloadError(ModelFileError):
    """Weights that could not be fetched."""


def fetched(address: str, folder: Path) -> Path:
    """The file at an address of torchvision's, from the folder where it was kept or from there.

    Args:
        address: https, ending in -CHECKSUM.pth.
        folder: Where such files are kept; torchvision's own is shared with it.

    Raises:
        DownloadError: If the address does not answer.
        ModelFileError: If the file is not the one that the checksum is of.
    """
    name = Path(urlparse(address).path).name
    path = folder / name
    if not path.is_file():
        with whole_file(path) as temporary:
            _fetch(address, temporary)
            require_checksum(temporary, name=name)
    require_checksum(path, name=name)
    return path


def require_checksum(path: Path, *, name: str) -> None:
    """Refuse a file whose SHA-256 does not begin as its name says; a name may say nothing.

    Raises:
        ModelFileError: If it begins otherwise.
    """
    wanted = CHECKSUM.search(name)
    if wanted is None:
        return
    digest = sha256(path)
    if not digest.startswith(wanted[1]):
        raise ModelFileError(
            f"the SHA-256 begins with {digest[:8]}, and that of these weights with {wanted[1]}",
            where=name,
            do="delete the file and fetch it again",
        )


def sha256(path: Path) -> str:
    """The checksum of a file, in 64 digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(address: str, path: Path) -> None:
    request = Request(address, headers={"User-Agent": "akitsu"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer, path.open("wb") as file:
            for part in _parts(answer):
                file.write(part)
    except (OSError, HTTPException) as error:
        raise DownloadError(
            f"it could not be fetched ({getattr(error, 'reason', None) or error})",
            where=address,
            do="try again with the network, or fetch it elsewhere and name the file with "
            "--set model.pretrained=FILE",
        ) from error


def _parts(answer: BinaryIO) -> Iterator[bytes]:
    while part := answer.read(PART):
        yield part
