"""A test table answered: `akitsu predict` against one picture at a time.

    python benchmarks/predictions.py test.csv.gz --output docs/results/predictions.json

Both ways start with the table and end with `ImageId,Label` on the disk, each in a fresh process,
and both run the same two-convolution network with the same weights. One picture at a time is how
digit recognisers were written in 2017: rows to float arrays in a loop, then the network called on
each. It needs pandas and PyTorch.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from akitsu.deploy.export import export
from akitsu.files import write_json
from akitsu.models.classification.digit_cnn import digit_cnn
from akitsu.recipes.directory import environment
from akitsu.runtime.card import ModelCard
from akitsu.tasks.classification import Classification
from akitsu.tasks.network import Network

CLASSES = tuple("0123456789")

ONE_AT_A_TIME = """
import sys
import numpy as np
import pandas
import torch
from akitsu.models.classification.digit_cnn import digit_cnn

table, weights, output = sys.argv[1:]
model = digit_cnn(10, in_channels=1).eval()
model.load_state_dict(torch.load(weights, weights_only=True))
rows = pandas.read_csv(table).values.astype("float32").reshape(-1, 28, 28)
pictures = []
for row in rows:
    pictures.append(np.asarray([np.float32(row) / 255.0]))
predictions = []
with torch.no_grad():
    for picture in pictures:
        logits = model(torch.from_numpy(picture.reshape(-1, 1, 28, 28)))
        predictions.append(int(logits.softmax(1).argmax()))
submission = {"ImageId": range(1, len(predictions) + 1), "Label": predictions}
pandas.DataFrame(submission).to_csv(output, index=False)
"""


def main() -> None:
    arguments = parsed_arguments()
    if find_spec("pandas") is None:
        raise SystemExit("one at a time needs pandas, which is missing; run pip install pandas")
    with tempfile.TemporaryDirectory() as scratch:
        document = measure(arguments.table, Path(scratch), rounds=arguments.rounds)
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)


def measure(table: Path, scratch: Path, *, rounds: int) -> dict[str, Any]:
    weights, model = write_network(scratch)
    ways = {
        "akitsu predict": ["-m", "akitsu", "predict", str(model), str(table), "--output"],
        "one at a time": ["-c", ONE_AT_A_TIME, str(table), str(weights)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        answers = []
        for number, (name, words) in enumerate(ways.items()):
            output = scratch / f"{turn}-{number}.csv"
            started_s = time.perf_counter()
            done = subprocess.run([sys.executable, *words, str(output)], stdout=subprocess.PIPE)
            seconds[name].append(round(time.perf_counter() - started_s, 3))
            if done.returncode:
                raise SystemExit(f"{name} ended with {done.returncode}")
            answers.append(np.loadtxt(output, delimiter=",", skiprows=1, dtype=np.int64))
        differing = int((answers[0] != answers[1]).any(1).sum())
        if differing > len(answers[0]) / 1000:  # ties that float32 sums in another order break
            raise SystemExit(f"{differing} of {len(answers[0])} rows are answered otherwise")
    medians = {name: statistics.median(some) for name, some in seconds.items()}
    return {
        "rows": len(answers[0]),
        "rows_that_differ": differing,
        "median_seconds": medians,
        "seconds": seconds,
        "times_as_long": round(medians["one at a time"] / medians["akitsu predict"], 1),
        "environment": environment(),
    }


def write_network(folder: Path) -> tuple[Path, Path]:
    """The same weights for both ways; untrained, since only the time is asked for."""
    torch.manual_seed(0)
    module = digit_cnn(len(CLASSES), in_channels=1).eval()
    weights, model = folder / "weights.pt", folder / "model.onnx"
    torch.save(module.state_dict(), weights)
    task = Classification()
    card = ModelCard(
        task=task.name,
        model="digit-cnn",
        classes=CLASSES,
        input_hw=(28, 28),
        channels=1,
        pad_value=0,
        normalisation={"mean": [0.0], "std": [1.0]},
        decoding=task.decoding,
    )
    noise = np.random.default_rng(0).integers(0, 256, (4, 28, 28, 1), np.uint8)
    network = Network(module, task, mean=[0.0], std=[1.0])
    export(network.eval(), model, card=card, pictures=list(noise))
    return weights, model


def print_table(document: dict[str, Any]) -> None:
    table = Table("way", "seconds", title=f"{document['rows']} rows")
    for name, seconds in document["median_seconds"].items():
        table.add_row(name, f"{seconds:.2f}")
    Console().print(table)
    print(f"one at a time takes {document['times_as_long']} times as long")


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path, help="pixel0,pixel1,... as .csv or .csv.gz")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
