"""The digit recogniser of 2017 from its tables to its submission, with Chainer's own Python.

    python chainer_digits.py train.csv test.csv out

It is the script of the source notes written anew: pandas and a loop over the rows, the first seven
eighths to learn from, two convolutions, Adam, five epochs of batches of 100, a validation each
epoch, and the answers one picture at a time. `out` gets weights.npz and submission.csv. The last
line that it prints is one JSON object. It imports nothing of akitsu, since Chainer 7.8.1 wants
NumPy below 1.24.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pandas as pd
from chainer import training
from chainer.training import extensions

BATCH_SIZE, EPOCHS, SEED = 100, 5, 0


class Network(chainer.Chain):
    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.conv1 = L.Convolution2D(1, 32, 5)
            self.conv2 = L.Convolution2D(32, 64, 5)
            self.l1 = L.Linear(1024, 10)

    def forward(self, x):
        for convolution in (self.conv1, self.conv2):
            x = F.max_pooling_2d(F.relu(convolution(x)), 2)
        return self.l1(x)


def pictures(values):
    """(1, 28, 28) float32 from 0 to 1 for each row, one after the other."""
    found = []
    for row in values:
        found.append(np.asarray([np.float32(row.reshape(28, 28)) / 255.0]))
    return found


def trained(images, labels, out):
    border = len(images) * 7 // 8
    learning, validation = (
        chainer.datasets.TupleDataset(images[part], labels[part])
        for part in (slice(border), slice(border, None))
    )
    model = L.Classifier(Network())
    optimizer = chainer.optimizers.Adam()
    optimizer.setup(model)
    batches = chainer.iterators.SerialIterator(learning, BATCH_SIZE)
    others = chainer.iterators.SerialIterator(validation, BATCH_SIZE, repeat=False, shuffle=False)
    updater = training.StandardUpdater(batches, optimizer)
    trainer = training.Trainer(updater, (EPOCHS, "epoch"), out=out)
    trainer.extend(extensions.Evaluator(others, model))
    trainer.extend(extensions.LogReport())
    columns = ["epoch", "main/loss", "validation/main/loss", "validation/main/accuracy"]
    trainer.extend(extensions.PrintReport(columns))
    trainer.extend(extensions.ProgressBar())
    trainer.run()
    return model, float(trainer.observation["validation/main/accuracy"])


def main():
    train, test, out = (Path(word) for word in sys.argv[1:])
    random.seed(SEED)
    np.random.seed(SEED)
    labelled, unlabelled = pd.read_csv(train), pd.read_csv(test)
    labels = [np.int32(label) for label in labelled.iloc[:, 0]]
    model, accuracy = trained(pictures(labelled.iloc[:, 1:].values), labels, str(out))
    chainer.serializers.save_npz(str(out / "weights.npz"), model)
    answers = []
    for picture in pictures(unlabelled.values.astype("float32")):
        scores = F.softmax(model.predictor(picture.reshape(-1, 1, 28, 28)))
        answers.append(int(scores.array.argmax()))
    submission = {"ImageId": range(1, len(answers) + 1), "Label": answers}
    pd.DataFrame(submission).to_csv(out / "submission.csv", index=False)
    versions = {"chainer": chainer.__version__, "numpy": np.__version__, "pandas": pd.__version__}
    print()  # the bar leaves the cursor where it was drawn
    print(json.dumps({"validation": accuracy, "versions": versions}))


if __name__ == "__main__":
    main()
