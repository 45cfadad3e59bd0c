"""A person finder for who has none: YOLO-Fastest 1.1 for bodies, a megabyte, public domain.

The two files are fetched once, and compared with their checksums; the model file that is made of
them is kept beside them, and is what a robot takes along.
"""

from __future__ import annotations

from pathlib import Path

from akitsu.errors import require
from akitsu.runtime.person_file import NAME, cache_folder
from akitsu.weights.download import fetched

HOME = "https://raw.githubusercontent.com/dog-qiuqiu/Yolo-Fastest/master/ModelZoo/"
ADDRESS = HOME + "yolo-fastest-1.1_body/"
CFG, WEIGHTS = "yolo-fastest-1.1_body.cfg", "yolo-fastest-1.1_body.weights"
CHECKSUMS = {
    CFG: "045b8e276ebe3924474da8c866b7e709159ea067137b5d66bf9dd560411b2c1a",
    WEIGHTS: "5bbb6d878f6e2eb3deee39e91dc6f9b39700e99ec83fa94d258670a554949728",
}
CLASSES, LICENCE = ("person",), "public domain (Darknet's licence)"


def person_model() -> Path:
    """The model file of the person finder, made at the first call.

    Raises:
        MissingExtraError: If it is not there yet, and PyTorch is not installed to make it.
        DownloadError: If it is not there yet, and its files cannot be fetched.
        ModelFileError: If a file is not the one that the checksum is of.
    """
    folder = cache_folder()
    model = folder / NAME
    if model.is_file():
        return model
    require("torch", extra="train", purpose="making the person finder's model file")
    from akitsu.deploy.foreign import import_file
    from akitsu.weights.importers import Said

    otherwise = f"fetch {CFG} and {WEIGHTS} elsewhere and put both into {folder}"
    cfg, weights = (
        fetched(ADDRESS + name, folder, checksum=CHECKSUMS[name], otherwise=otherwise)
        for name in (CFG, WEIGHTS)
    )
    import_file(cfg, model, said=Said(classes=CLASSES, licence=LICENCE, weights=weights))
    return model
