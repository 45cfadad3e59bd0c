"""A test table answered: akitsu against one picture at a time.

    python benchmarks/predictions.py test.csv.gz --output docs/results/predictions.json
    python benchmarks/predictions.py test.csv.gz --chainer-python chainer/bin/python

All ways run the same two-convolution network with the same weights on the same table, each in a
fresh process, and must agree. One picture at a time is how digit recognisers were written in 2017:
rows to float arrays in a loop, then the network called on each. It needs pandas, and PyTorch or
(in an environment of its own, since it wants NumPy below 1.24) Chainer 7.8.1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
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
AKITSU, OLD = "akitsu", "one at a time in {}"

OURS = """
from pathlib import Path
from akitsu.report import submission
from akitsu.runtime.recognizer import Recognizer

class Timed(Recognizer):
    def predict_inputs(self, inputs):
        started_s = time.perf_counter()
        outputs = super().predict_inputs(inputs)
        self.seconds = time.perf_counter() - started_s
        return outputs

recognizer = Timed(Path(network) / "model.onnx")
submission.write_submission(
    recognizer.predict_inputs, Path(table), Path(output), card=recognizer.card
)
seconds = recognizer.seconds
"""

ROWS = """
import numpy as np
import pandas
rows = pandas.read_csv(table).values.astype("float32").reshape(-1, 28, 28)
pictures = []
for row in rows:
    pictures.append(np.asarray([np.float32(row) / 255.0]))
"""

TORCH = """
import torch
from akitsu.models.classification.digit_cnn import digit_cnn

model = digit_cnn(10, in_channels=1).eval()
model.load_state_dict(torch.load(f"{network}/weights.pt", weights_only=True))

def answer(picture):
    with torch.no_grad():
        return int(model(torch.from_numpy(picture)).softmax(1).argmax())
"""

CHAINER = """
import chainer
import chainer.functions as F
import chainer.links as L

chainer.config.train = False
arrays = np.load(f"{network}/weights.npz")
conv1, conv2, l1 = L.Convolution2D(1, 32, 5), L.Convolution2D(32, 64, 5), L.Linear(1024, 10)
for link, number in ((conv1, 0), (conv2, 3), (l1, 7)):
    link.W.array[:], link.b.array[:] = arrays[f"{number}.weight"], arrays[f"{number}.bias"]

def answer(picture):
    h = F.max_pooling_2d(F.relu(conv1(picture)), 2)
    h = F.max_pooling_2d(F.relu(conv2(h)), 2)
    return int(F.softmax(l1(h)).array.argmax())
"""

LOOP = """
started_s = time.perf_counter()
predictions = []
for picture in pictures:
    predictions.append(answer(picture.reshape(-1, 1, 28, 28)))
seconds = time.perf_counter() - started_s
submission = {"ImageId": range(1, len(predictions) + 1), "Label": predictions}
pandas.DataFrame(submission).to_csv(output, index=False)
"""

START = "import sys, time\nnetwork, table, output = sys.argv[1:]\n"
END = "print(seconds)\n"


def main() -> None:
    arguments = parsed_arguments()
    if find_spec("pandas") is None:
        raise SystemExit("one at a time needs pandas, which is missing; run pip install pandas")
    ways = {AKITSU: (sys.executable, OURS)}
    ways[OLD.format("PyTorch")] = (sys.executable, ROWS + TORCH + LOOP)
    if arguments.chainer_python is not None:
        ways[OLD.format("Chainer")] = (arguments.chainer_python, ROWS + CHAINER + LOOP)
    with tempfile.TemporaryDirectory() as scratch:
        document = measure(ways, arguments.table, Path(scratch), rounds=arguments.rounds)
    print_table(document)
    if arguments.output is not None:
        write_json(arguments.output, document)


def measure(
    ways: Mapping[str, tuple[str, str]], table: Path, scratch: Path, *, rounds: int
) -> dict[str, Any]:
    write_network(scratch)
    whole: dict[str, list[float]] = {name: [] for name in ways}
    alone: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, np.ndarray] = {}
    for turn in range(rounds):
        for number, (name, (python, body)) in enumerate(ways.items()):
            output = scratch / f"{turn}-{number}.csv"
            started_s = time.perf_counter()
            seconds = seconds_inside(python, body, [scratch, table, output])
            whole[name].append(round(time.perf_counter() - started_s, 3))
            alone[name].append(round(seconds, 3))
            answers[name] = np.loadtxt(output, delimiter=",", skiprows=1, dtype=np.int64)
    differing = {name: int((own != answers[AKITSU]).any(1).sum()) for name, own in answers.items()}
    # What float32 sums in another order may decide otherwise.
    if max(differing.values()) > len(answers[AKITSU]) / 1000:
        raise SystemExit(f"rows that are answered otherwise: {json.dumps(differing)}")
    return {
        "rows": len(answers[AKITSU]),
        "rows_that_differ": differing,
        "whole_process": compared(whole),
        "predictions_alone": compared(alone),
        "environment": environment(),
    }


def seconds_inside(python: str, body: str, words: list[Path]) -> float:
    """Run a way in a fresh process; what it says its predictions alone took."""
    command = [python, "-c", START + body + END, *map(str, words)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"a way ended with {done.returncode}: see above")
    return float(done.stdout)


def compared(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    medians = {name: statistics.median(some) for name, some in seconds.items()}
    return {
        "median_seconds": medians,
        "seconds": seconds,
        "times_as_long_as_akitsu": {
            name: round(own / medians[AKITSU], 1) for name, own in medians.items()
        },
    }


def write_network(folder: Path) -> None:
    """The same weights for all ways; untrained, since only the time is asked for."""
    torch.manual_seed(0)
    module = digit_cnn(len(CLASSES), in_channels=1).eval()
    torch.save(module.state_dict(), folder / "weights.pt")
    arrays = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    np.savez(folder / "weights.npz", **arrays)
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
    network = Network(module, task, mean=[0.0], std=[1.0]).eval()
    export(network, folder / "model.onnx", card=card, pictures=list(noise))


def print_table(document: dict[str, Any]) -> None:
    whole, alone = document["whole_process"], document["predictions_alone"]
    table = Table(
        "way",
        "whole process, s",
        "ratio",
        "predictions alone, s",
        "ratio",
        title=f"{document['rows']} rows",
    )
    for name in whole["median_seconds"]:
        cells = []
        for part in (whole, alone):
            cells += [f"{part['median_seconds'][name]:.2f}"]
            cells += [f"{part['times_as_long_as_akitsu'][name]:.1f}"]
        table.add_row(name, *cells)
    Console().print(table)


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("table", type=Path, help="pixel0,pixel1,... as .csv or .csv.gz")
    parser.add_argument("--chainer-python", help="an interpreter with chainer and pandas")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
