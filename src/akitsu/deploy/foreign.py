"""Foreign weights as a model file: network, normalisation and card in one .onnx."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from akitsu import __version__
from akitsu.data.generated.clutter import clutter
from akitsu.deploy.export import export
from akitsu.files import require_absent
from akitsu.runtime.card import ModelCard
from akitsu.runtime.threads import available_threads
from akitsu.tasks.network import Network
from akitsu.tasks.task import make_task
from akitsu.weights.importers import Imported, Said, find_importer

# Sides of the pictures that the written file has to answer as the network does: higher than wide,
# wider than high, and smaller than any input.
PARITY_SIZES_HW = ((240, 320), (300, 200), (90, 90))


def import_file(
    path: Path, output: Path, *, said: Said | None = None, force: bool = False
) -> ModelCard:
    """Write the model file of a foreign file of weights; returns what it says of itself.

    The written graph is compared with the network on drawn pictures: a foreign file brings none.

    Raises:
        ModelFileError: If the file is broken, of no known kind, or of another network.
        RecipeError: If what was said does not fit it.
        OutputError: If `output` exists and `force` is False.
        TrainingError: If the exported graph answers otherwise than the network.
    """
    require_absent(output, force=force)
    torch.set_num_threads(available_threads())
    importer = find_importer(path)
    imported = importer.load(path, said or Said())
    card = _card(imported, kind=importer.name, path=path)
    task = make_task(imported.task, {})
    network = Network(imported.model, task, mean=imported.mean, std=imported.std).eval()
    export(network, output, card=card, pictures=_pictures(), force=force)
    return card


def _card(imported: Imported, *, kind: str, path: Path) -> ModelCard:
    return ModelCard(
        task=imported.task,
        model=imported.name,
        classes=imported.classes,
        input_hw=imported.input_hw,
        channels=imported.channels,
        fit=imported.fit,
        crop=imported.crop,
        normalisation={"mean": list(imported.mean), "std": list(imported.std)},
        decoding=make_task(imported.task, {}).decoding,
        licence=imported.licence,
        provenance={
            "akitsu": __version__,
            "imported": kind,
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "torch": torch.__version__,
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            **imported.provenance,
        },
    )


def _pictures() -> list[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    return [clutter(generator, size_hw).astype(np.uint8) for size_hw in PARITY_SIZES_HW]
