"""Bulk prediction: many pictures through one model file into a table, here or on a cluster."""
