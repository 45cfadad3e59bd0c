"""The perceptron: a straight line, moved a little by every flower on its wrong side.

python examples/classic/01_perceptron.py
"""

from akitsu.classic.classifiers import build
from akitsu.classic.problem import iris_problem

# 150 irises of three species, by length and width of a petal; 45 are kept for the test.
problem = iris_problem()
train, test = problem.train, problem.test
print("classes:", ", ".join(problem.classes))

# The model is a pipeline: it standardises what it is given, by mean and deviation of the flowers
# that it learnt from. Whoever asks it cannot forget to.
model = build("perceptron", eta0=0.1, max_iter=40)
model.fit(problem.inputs[train], problem.labels[train])

# What counts is the answer for flowers that it has never seen.
wrong = model.predict(problem.inputs[test]) != problem.labels[test]
print(f"misclassified: {wrong.sum()} of {len(wrong)}")
print(f"accuracy: {1 - wrong.mean():.2f}")

# A perceptron moves its line until nobody is on the wrong side. Versicolor and virginica overlap,
# so that never happens: the line is wherever the last pass left it.
learnt = model.score(problem.inputs[train], problem.labels[train])
print(f"accuracy on the flowers that it learnt from: {learnt:.2f}")
