"""The result of a statement as rows of a dataset."""
