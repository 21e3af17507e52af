"""Datasets that are results of statements."""
