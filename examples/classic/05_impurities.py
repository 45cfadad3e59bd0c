"""What a decision tree makes small: how mixed the flowers of a node are.

python examples/classic/05_impurities.py
"""

import numpy as np

from akitsu.classic.figures.impurities import entropy, gain, gini, misclassification

# Shares of two classes: a pure node, one that is a little mixed, and the worst there is.
nodes = np.array([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5]])
print("entropy:          ", entropy(nodes).round(3))  # up to 1 bit
print("Gini impurity:    ", gini(nodes).round(3))  # up to 0.5, not 1
print("misclassification:", misclassification(nodes).round(3))

# Two questions to a node of 40 and 40: A leaves 30:10 and 10:30, B leaves 20:40 and 20:0. Who
# counts the misclassified sees no difference; entropy and Gini prefer the pure child of B.
parent = np.array([0.5, 0.5])
questions = {
    "A": (np.array([0.75, 0.25]), np.array([0.25, 0.75]), 40 / 80),
    "B": (np.array([1 / 3, 2 / 3]), np.array([1.0, 0.0]), 60 / 80),
}
for impurity in (entropy, gini, misclassification):
    gains = {
        name: gain(impurity(parent), left=impurity(left), right=impurity(right), share_left=share)
        for name, (left, right, share) in questions.items()
    }
    print(impurity.__name__, {name: round(float(value), 3) for name, value in gains.items()})
