"""A bucket in a directory of the local filesystem."""
