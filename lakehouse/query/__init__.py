"""SQL in, exact results out, from child processes that may be killed."""
