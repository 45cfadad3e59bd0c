"""Deep-compressed weights: shared values, 8- or 4-bit codes, and the gaps between them.

Han, Mao and Dally, "Deep Compression" (arXiv:1510.00149), in the layout of the file that the
authors of SqueezeNet (arXiv:1602.07360) published. Little endian, nothing padded: first the
number of stored entries of every layer (uint32); then for every layer its codebook (float32, 256
values or 16, entry 0 is 0.0), its bias (float32), the codes (a byte each, or two of 4 bits in a
byte) and the gaps (two of 4 bits in a byte). The low half of a byte comes first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from akitsu.errors import ModelFileError
from akitsu.models.classification.squeezenet import squeezenet

COUNT, VALUE = np.dtype("<u4"), np.dtype("<f4")

# A gap has 4 bits: 16 zeros and more are bridged by a filler, which has code 0.
LARGEST_GAP = 15

SQUEEZENET_CLASSES = 1000

# Caffe's habit: pixels from 0 to 255 less these, not divided; here in the order RGB, of one.
MEAN = (123 / 255, 117 / 255, 104 / 255)
STD = (1 / 255,) * 3

LARGEST_FILE = 2**26  # bytes; SqueezeNet's has 675,763

COPY = "copy the file again"


@dataclass(frozen=True)
class Layer:
    """What the file does not say of a layer, and its reader has to know.

    Attributes:
        name: For messages, such as "fire4/expand3x3".
        shape: Of the weight, outputs first: (C_out, C_in, kH, kW) or (C_out, C_in).
        bits: Of a code: 8 in convolutions, 4 in the dense layers of other networks.
    """

    name: str
    shape: tuple[int, ...]
    bits: Literal[4, 8] = 8

    @property
    def size(self) -> int:
        """Weights."""
        return math.prod(self.shape)

    def stored_bytes(self, entries: int) -> int:
        """Bytes of codebook, bias, codes and gaps of a layer with so many entries."""
        codes = entries if self.bits == 8 else _half(entries)
        values: int = 2**self.bits + self.shape[0]
        return VALUE.itemsize * values + codes + _half(entries)


@dataclass(frozen=True)
class Coded:
    """The weights of one layer, each a number in a codebook.

    Attributes:
        codes: uint8 of the weight's shape; 0 is a weight of zero.
        codebook: (256,) or (16,) float32, the first 0.0.
        bias: (C_out,) float32.
    """

    codes: NDArray[np.uint8]
    codebook: NDArray[np.float32]
    bias: NDArray[np.float32]

    @property
    def weight(self) -> NDArray[np.float32]:
        """The weights themselves, float32."""
        return self.codebook[self.codes]


def read(path: Path) -> dict[str, Tensor]:
    """The state dict of `squeezenet(1000)` from the file `squeezenet_v1.0_deep_compression.net`.

    The authors' first layer wants BGR. Its input channels are turned round here, so that the
    network takes RGB, normalised by `MEAN` and `STD`.

    Raises:
        ModelFileError: If the file cannot be read or is not what it should be.
    """
    coded = decode(_content(path), squeezenet_layers(), where=path)
    state = {}
    for module, layer in zip(_convolutions(), coded.values(), strict=True):
        state[f"{module}.weight"] = torch.from_numpy(layer.weight)
        state[f"{module}.bias"] = torch.from_numpy(layer.bias)
    first = next(iter(state))
    return state | {first: state[first].flip(1)}


def recognises(path: Path) -> bool:
    """Whether a file begins with 26 counts that fit the 26 layers of SqueezeNet 1.0."""
    layers = squeezenet_layers()
    with path.open("rb") as file:
        head = file.read(COUNT.itemsize * len(layers))
    if len(head) < COUNT.itemsize * len(layers):
        return False
    counts = np.frombuffer(head, COUNT).tolist()
    return any(counts) and all(
        count <= layer.size for count, layer in zip(counts, layers, strict=True)
    )


def squeezenet_layers() -> list[Layer]:
    """The convolutions of SqueezeNet 1.0 with 1000 classes, in forward order, 8 bits a code."""
    return [
        Layer(name.removeprefix("features.").replace(".", "/"), tuple(module.weight.shape))
        for name, module in _convolutions().items()
    ]


def decode(content: bytes, layers: Sequence[Layer], *, where: str | Path) -> dict[str, Coded]:
    """Take a file apart.

    Args:
        content: All bytes of the file.
        layers: What it should hold, in its order.
        where: The file, for messages.

    Returns:
        By the layers' names, in their order.

    Raises:
        ModelFileError: If the counts do not fit the layers, the length does not fit the counts, an
            entry lies beyond its layer, or a value is not finite.
    """
    counts = _counts(content, layers, where)
    head = COUNT.itemsize * len(layers)
    wanted = head + sum(
        layer.stored_bytes(count) for layer, count in zip(layers, counts, strict=True)
    )
    if len(content) != wanted:
        what = f"{len(content):,} bytes where its counts of entries ask for {wanted:,}"
        raise ModelFileError(what, where=where, do=COPY)
    coded, at = {}, head
    for layer, count in zip(layers, counts, strict=True):
        end = at + layer.stored_bytes(count)
        coded[layer.name] = _decode_layer(content[at:end], layer, count, where=where)
        at = end
    return coded


def encode(layers: Mapping[str, Coded]) -> bytes:
    """Put a file together; `decode` gives back the same codes, codebooks and biases.

    Fillers stand inside runs of more than 15 zeros only, none behind the last entry.

    Example:
        >>> codebook = np.arange(256, dtype=np.float32)
        >>> codes = np.zeros((1, 40), np.uint8)
        >>> codes[0, 20] = 7
        >>> file = encode({"dense": Coded(codes, codebook, np.zeros(1, np.float32))})
        >>> list(file[:4]), list(file[-3:])  # 2 entries: codes 0 and 7; gaps 15 and 4
        ([2, 0, 0, 0], [0, 7, 79])
    """
    entries = [_entries(coded.codes.ravel()) for coded in layers.values()]
    parts = [np.array([len(codes) for codes, _ in entries], COUNT).tobytes()]
    for coded, (codes, gaps) in zip(layers.values(), entries, strict=True):
        parts += [
            coded.codebook.astype(VALUE).tobytes(),
            coded.bias.astype(VALUE).tobytes(),
            (codes if len(coded.codebook) > 16 else _packed(codes)).tobytes(),
            _packed(gaps).tobytes(),
        ]
    return b"".join(parts)


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_FILE else b""
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ModelFileError(reason, where=path, do="name a file that you may read") from error
    if not content:
        raise ModelFileError(f"{size:,} bytes are no file of SqueezeNet", where=path, do=COPY)
    return content


def _convolutions() -> dict[str, nn.Conv2d]:
    with torch.device("meta"):  # shapes and names are wanted, and no random number
        model = squeezenet(SQUEEZENET_CLASSES)
    return {name: each for name, each in model.named_modules() if isinstance(each, nn.Conv2d)}


def _counts(content: bytes, layers: Sequence[Layer], where: str | Path) -> list[int]:
    head = COUNT.itemsize * len(layers)
    if len(content) < head:
        what = f"{len(content)} bytes where the counts of {len(layers)} layers alone take {head}"
        raise ModelFileError(what, where=where, do=COPY)
    counts: list[int] = np.frombuffer(content[:head], COUNT).tolist()
    for layer, count in zip(layers, counts, strict=True):
        if count > layer.size:
            what = f"layer {layer.name}: {count:,} entries for {layer.size:,} weights"
            raise ModelFileError(
                what, where=where, do=f"name a file whose {len(layers)} layers are this network's"
            )
    return counts


def _decode_layer(content: bytes, layer: Layer, entries: int, *, where: str | Path) -> Coded:
    values = 2**layer.bits + layer.shape[0]
    floats = np.frombuffer(content, VALUE, values).astype(np.float32)
    codebook, bias = floats[: 2**layer.bits], floats[2**layer.bits :]
    if not np.isfinite(floats).all() or codebook[0] != 0:
        what = f"layer {layer.name}: its shared values begin with {codebook[0]}"
        if codebook[0] == 0:
            what = f"layer {layer.name}: a shared value or bias is not finite"
        raise ModelFileError(what, where=where, do=COPY)
    packed = np.frombuffer(content, np.uint8, offset=VALUE.itemsize * values)
    stored = entries if layer.bits == 8 else _half(entries)
    codes = packed[:stored] if layer.bits == 8 else _unpacked(packed[:stored], entries)
    gaps = _unpacked(packed[stored:], entries)
    positions = np.cumsum(gaps.astype(np.int64) + 1) - 1
    if entries and positions[-1] >= layer.size:
        first = int(np.argmax(positions >= layer.size))
        what = f"layer {layer.name}: entry {first:,} at {positions[first]:,} of {layer.size:,}"
        raise ModelFileError(what, where=where, do=COPY)
    flat = np.zeros(layer.size, np.uint8)
    flat[positions] = codes
    return Coded(flat.reshape(layer.shape), codebook, bias)


def _entries(codes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Codes and gaps as they are stored, fillers among them."""
    positions = np.flatnonzero(codes)
    zeros = np.diff(positions, prepend=-1) - 1  # in front of each entry
    fillers, gaps = np.divmod(zeros, LARGEST_GAP + 1)
    last = np.cumsum(fillers + 1) - 1  # where an entry comes to stand behind its fillers
    stored = np.zeros(len(positions) + int(fillers.sum()), np.uint8)
    steps = np.full(len(stored), LARGEST_GAP, np.uint8)
    stored[last], steps[last] = codes[positions], gaps
    return stored, steps


def _half(entries: int) -> int:
    return -(-entries // 2)


def _packed(halves: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two numbers below 16 in a byte, the low half first; a spare last half is 0."""
    pairs = np.pad(halves, (0, len(halves) % 2)).reshape(-1, 2)
    joined: NDArray[np.uint8] = np.bitwise_or(pairs[:, 0], pairs[:, 1] << 4, dtype=np.uint8)
    return joined


def _unpacked(packed: NDArray[np.uint8], entries: int) -> NDArray[np.uint8]:
    return np.stack([packed & 15, packed >> 4], 1).reshape(-1)[:entries]
