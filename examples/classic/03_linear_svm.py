"""The linear support vector machine: of all lines that divide, the one with the widest margin.

python examples/classic/03_linear_svm.py
"""

import numpy as np

from akitsu.classic.classifiers import build
from akitsu.classic.problem import iris_problem

problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]

model = build("linear-svm", C=1.0).fit(flowers, species)
print("misclassified:", (model.predict(asked) != truth).sum())

# Setosa and versicolor alone can be divided. The margins are where f(x) is -1 and 1, so they lie
# 2 / |w| apart, and the flowers on them, the support vectors, decide everything.
two = species < 2
pair = build("linear-svm", C=1000.0).fit(flowers[two], species[two])
svm, scaled = pair["model"], pair["scaler"].transform(flowers[two])
print(f"width of the margin: {2 / np.linalg.norm(svm.coef_):.2f} standard deviations")
print("f at the support vectors:", svm.decision_function(svm.support_vectors_).round(2))
print(f"nearest: |f| = {np.abs(svm.decision_function(scaled)).min():.2f}")

# Where no line divides, flowers may stand inside the margin, at the price C each.
two = species > 0
for c in (0.1, 100.0):
    svm = build("linear-svm", C=c).fit(flowers[two], species[two])["model"]
    width = 2 / np.linalg.norm(svm.coef_)
    print(f"C = {c:g}: margin {width:.2f} wide, {len(svm.support_)} support vectors")
