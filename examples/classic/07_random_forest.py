"""A random forest: many trees, each grown on another draw of the flowers, and their vote.

python examples/classic/07_random_forest.py
"""

from akitsu.classic.classifiers import build
from akitsu.classic.problem import iris_problem

problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]

# Each of the ten trees learns from as many flowers as there are, drawn with replacement: some
# twice, about a third not at all. So the trees err in different places, and the vote evens it out.
model = build("random-forest", n_estimators=10).fit(flowers, species)
print("misclassified:", (model.predict(asked) != truth).sum())
alone = [(tree.predict(asked) != truth).sum() for tree in model["model"].estimators_]
print("each tree alone:", ", ".join(f"{wrong:.0f}" for wrong in alone))

# More trees make the vote steadier, and cost time. On so few flowers luck is as large as the gain.
for trees in (1, 10, 100):
    wrong = build("random-forest", n_estimators=trees).fit(flowers, species).predict(asked) != truth
    print(f"{trees} trees: {wrong.sum()} misclassified")
