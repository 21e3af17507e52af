"""Streams of rows: a request that stays open, whose lines are committed in groups."""
