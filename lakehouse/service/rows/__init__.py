"""Changes single rows of a dataset: finds the rows, rewrites their objects, commits one event."""
