"""Why the columns of a file have their types, in words."""
