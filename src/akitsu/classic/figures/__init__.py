"""The figures that explain the classic classifiers, each computed anew: one figure, one file."""
