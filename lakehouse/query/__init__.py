"""Runs SQL in child processes that can be killed, and returns exact results."""
