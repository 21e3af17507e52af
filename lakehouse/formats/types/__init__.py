"""The types of values: which text is of which type, and which types a file of another program brings."""
