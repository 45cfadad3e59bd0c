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

NAME_THE_FILE = "fetch it elsewhere and name the file with --set model.pretrained=FILE"


class DownloadError(ModelFileError):
    """Weights that could not be fetched."""


def fetched(
    address: str, folder: Path, *, checksum: str | None = None, otherwise: str = NAME_THE_FILE
) -> Path:
    """The file at an address, from the folder where it was kept or from there.

    Args:
        address: https, of torchvision ending in -CHECKSUM.pth.
        folder: Where such files are kept; torchvision's own is shared with it.
        checksum: The SHA-256, or how it begins; None: it stands in the name.
        otherwise: What else a person may do who has no network.

    Raises:
        DownloadError: If the address does not answer.
        ModelFileError: If the file is not the one that the checksum is of.
    """
    name = Path(urlparse(address).path).name
    path = folder / name
    if not path.is_file():
        with whole_file(path) as temporary:
            _fetch(address, temporary, otherwise=otherwise)
            require_checksum(temporary, name=name, checksum=checksum)
    require_checksum(path, name=name, checksum=checksum)
    return path


def require_checksum(path: Path, *, name: str, checksum: str | None = None) -> None:
    """Refuse a file whose SHA-256 does not begin as is said, or as its name says, if it does.

    Raises:
        ModelFileError: If it begins otherwise.
    """
    named = CHECKSUM.search(name)
    wanted = checksum or (named[1] if named else "")
    digest = sha256(path) if wanted else ""
    if not digest.startswith(wanted):
        raise ModelFileError(
            f"the SHA-256 begins with {digest[:8]}, and that of the right file with {wanted[:8]}",
            where=name,
            do="delete the file and fetch it again",
        )


def sha256(path: Path) -> str:
    """The checksum of a file, in 64 digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(address: str, path: Path, *, otherwise: str) -> None:
    request = Request(address, headers={"User-Agent": "akitsu"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer, path.open("wb") as file:
            for part in _parts(answer):
                file.write(part)
    except (OSError, HTTPException) as error:
        raise DownloadError(
            f"it could not be fetched ({getattr(error, 'reason', None) or error})",
            where=address,
            do=f"try again with the network, or {otherwise}",
        ) from error


def _parts(answer: BinaryIO) -> Iterator[bytes]:
    while part := answer.read(PART):
        yield part
