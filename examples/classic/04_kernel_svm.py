"""The kernel: what no line divides is compared by nearness instead, exp(-gamma |x - y|^2).

python examples/classic/04_kernel_svm.py
"""

import numpy as np

from akitsu.classic.classifiers import build
from akitsu.classic.figures.xor import clouds, lifted
from akitsu.classic.problem import iris_problem

# Four clouds; the class says whether the two signs differ. No straight line can know that.
points, labels = clouds(np.random.default_rng(0))
print("linear:", build("linear-svm").fit(points, labels).score(points, labels))
# The product of the two, put in the place of the second, lays the classes apart: a line will do.
raised = lifted(points)
print("linear, lifted:", build("linear-svm").fit(raised, labels).score(raised, labels))
# The kernel computes the products of lifted points without ever lifting one.
print("RBF:", build("rbf-svm").fit(points, labels).score(points, labels))

# gamma says how near is near. A large one surrounds every flower with an island of its own: all
# but right on what it learnt, and lost on the rest. That is overfitting.
problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]
for gamma in (0.1, 0.2, 100.0):
    model = build("rbf-svm", gamma=gamma, C=10.0).fit(flowers, species)
    learnt, new = model.score(flowers, species), model.score(asked, truth)
    print(f"gamma {gamma:g}: {learnt:.1%} of the flowers learnt from, {new:.1%} of the others")
