"""Erasure: rows leave every version of a dataset that is kept."""
