"""The training of `benchmarks/trainer.py` under Chainer's own Trainer, with Chainer's own Python.

    python chainer_trainer.py 60000 32 20 out

The words are pictures, batch size, iterations before the clock starts, and a folder for the log.
The last line that it prints is one JSON object. It imports nothing of akitsu, since Chainer 7.8.1
wants NumPy below 1.24.
"""

from __future__ import annotations

import json
import sys
import time

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer import training
from chainer.training import extensions


class Batches(chainer.iterators.SerialIterator):
    """Starts the clock when the loop is warm."""

    fetched, started_s = 0, 0.0

    def __init__(self, data, batch_size, warm_up):
        super().__init__(data, batch_size)
        self.warm_up = warm_up

    def next(self):
        if self.fetched == self.warm_up:
            self.started_s = time.perf_counter()
        self.fetched += 1
        return super().next()

    __next__ = next


def main():
    samples, batch_size, warm_up = (int(word) for word in sys.argv[1:4])
    # As many whole batches as the others have.
    samples -= samples % batch_size
    draw = np.random.RandomState(0)
    inputs = draw.rand(samples, 784).astype(np.float32)
    labels = draw.randint(0, 10, samples).astype(np.int32)
    model = L.Classifier(
        chainer.Sequential(
            L.Linear(784, 100), F.relu, L.Linear(100, 100), F.relu, L.Linear(100, 10)
        )
    )
    model.compute_accuracy = False
    optimizer = chainer.optimizers.SGD(lr=0.01)
    optimizer.setup(model)
    batches = Batches(chainer.datasets.TupleDataset(inputs, labels), batch_size, warm_up)
    updater = training.StandardUpdater(batches, optimizer)
    trainer = training.Trainer(updater, (1, "epoch"), out=sys.argv[4])
    trainer.extend(extensions.LogReport())
    trainer.extend(extensions.PrintReport(["epoch", "iteration", "main/loss", "elapsed_time"]))
    trainer.extend(extensions.ProgressBar())
    trainer.run()
    seconds = time.perf_counter() - batches.started_s
    microseconds = seconds / (batches.fetched - warm_up) * 1e6
    print()  # the bar leaves the cursor where it was drawn
    print(json.dumps({"microseconds": microseconds, "version": chainer.__version__}))


if __name__ == "__main__":
    main()
