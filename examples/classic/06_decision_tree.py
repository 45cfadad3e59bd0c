"""A decision tree: a few questions that anybody can check.

python examples/classic/06_decision_tree.py
"""

from pathlib import Path

from akitsu.classic.classifiers import build
from akitsu.classic.figures.registry import entry
from akitsu.classic.figures.tree import first_gain
from akitsu.classic.problem import iris_problem

problem = iris_problem()
flowers, species = problem.inputs[problem.train], problem.labels[problem.train]
asked, truth = problem.inputs[problem.test], problem.labels[problem.test]

# A threshold cares for no scale, so this pipeline has no scaler: the tree learns from centimetres,
# and has to be asked in centimetres.
model = build("decision-tree", criterion="entropy", max_depth=3).fit(flowers, species)
print("steps:", list(model.named_steps))
print("misclassified:", (model.predict(asked) != truth).sum())

tree = model["model"]
column, at = problem.input_names[tree.tree_.feature[0]], tree.tree_.threshold[0]
print(f"first question: is {column} at most {at:.2f}?")
print(f"it gains {first_gain(tree):.2f} bits")

# The same tree as a picture, and for Graphviz: dot -Tsvg tree.dot
print("written:", *entry("tree").write(Path("figures"), force=True)["files"])
