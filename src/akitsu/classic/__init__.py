"""The classic classifiers on tables: scikit-learn's, compared, drawn and exported."""
