"""Logistic regression: straight borders too, but each answer comes with a probability.

python examples/classic/02_logistic_regression.py
"""

import numpy as np

from akitsu.classic.classifiers import build
from akitsu.classic.figures.logistic_cost import cost
from akitsu.classic.figures.logistic_function import logistic
from akitsu.classic.problem import iris_problem

# The logistic function makes a probability of any number, and the cost punishes sure mistakes.
print("z = -2, 0, 2 become", logistic(np.array([-2.0, 0.0, 2.0])).round(2))
print("p = 0.01, 0.5, 0.99 cost", cost(np.array([0.01, 0.5, 0.99]), 1).round(2), "if 1 is true")

problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]

model = build("logistic-regression", C=1000.0).fit(flowers, species)
print("misclassified:", (model.predict(asked) != truth).sum())
for name, probability in zip(problem.classes, model.predict_proba(asked[:1])[0], strict=True):
    print(f"the first flower is a {name} with probability {probability:.3f}")

# C is the inverse of the regularisation's strength: where it falls, the weights shrink.
for c in (1000.0, 1.0, 0.001):
    weights = build("logistic-regression", C=c).fit(flowers, species)["model"].coef_
    print(f"C = {c:g}: the weights are {np.linalg.norm(weights):.2f} long")
