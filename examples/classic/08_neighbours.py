"""k nearest neighbours: nothing is learnt, everything is kept, and the nearest flowers vote.

python examples/classic/08_neighbours.py
"""

import numpy as np

from akitsu.classic.classifiers import build
from akitsu.classic.problem import iris_problem

problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]

# p = 2 is the distance as the crow flies; with p = 1 one walks along the axes.
model = build("k-nearest-neighbours", n_neighbors=5, metric="minkowski", p=2)
model.fit(flowers, species)
print("misclassified:", (model.predict(asked) != truth).sum())

# By hand: standardise, measure the distance to every flower, count the classes of the nearest.
scaler = model["scaler"]
distances = np.linalg.norm(scaler.transform(flowers) - scaler.transform(asked[:1]), axis=1)
nearest = species[np.argsort(distances)[:5]]
votes = np.bincount(nearest, minlength=len(problem.classes))
print("votes for the first flower:", dict(zip(problem.classes, votes.tolist(), strict=True)))

# One neighbour believes every single flower; as many as there are always name the commonest class.
for k in (1, 5, len(flowers)):
    share = build("k-nearest-neighbours", n_neighbors=k).fit(flowers, species).score(asked, truth)
    print(f"k = {k}: {share:.1%}")
