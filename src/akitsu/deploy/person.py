"""A person finder for who has none: YOLO-Fastest 1.1 for bodies, a megabyte, public domain.

The two files are fetched once, and compared with their checksums; the model file that is made of
them is kept beside them, and is what a robot takes along.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from akitsu.deploy.foreign import import_file
from akitsu.weights.download import fetched
from akitsu.weights.importers import Said

HOME = "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/master/ModelZoo/"
ADDRESS = HOME + "yolo-fastest-1.1_body/"
CFG, WEIGHTS = "yolo-fastest-1.1_body.cfg", "yolo-fastest-1.1_body.weights"
CHECKSUMS = {
    CFG: "045b8e276ebe3924474da8c866b7e709159ea067137b5d66bf9dd560411b2c1a",
    WEIGHTS: "5bbb6d878f6e2eb3deee39e91dc6f9b39700e99ec83fa94d258670a554949728",
}
SAID = Said(classes=("person",), licence="public domain (Darknet's licence)")


def cache_folder() -> Path:
    """Where fetched files stay: `akitsu` in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "akitsu"


def person_model() -> Path:
    """The model file of the person finder, made at the first call.

    Raises:
        DownloadError: If it is not there yet, and its files cannot be fetched.
        ModelFileError: If a file is not the one that the checksum is of.
    """
    folder = cache_folder()
    # Other files make another name: an old model file is not taken for a new one.
    model = folder / f"person-{CHECKSUMS[WEIGHTS][:8]}.onnx"
    if model.is_file():
        return model
    otherwise = f"fetch {CFG} and {WEIGHTS} elsewhere and put both into {folder}"
    cfg, weights = (
        fetched(ADDRESS + name, folder, checksum=CHECKSUMS[name], otherwise=otherwise)
        for name in (CFG, WEIGHTS)
    )
    import_file(cfg, model, said=replace(SAID, weights=weights))
    return model
