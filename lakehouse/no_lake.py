"""What becomes of a bucket that holds no lake. Owns the choice alone: `wiring` acts on it."""

from enum import Enum


class NoLake(Enum):
    """What to do with a bucket that holds no lake."""

    CREATE = "create"
    """Create the directory if needed; the first change creates the lake."""
    EMPTY = "empty"
    """Use an empty bucket in memory instead, and create nothing."""
    REFUSE = "refuse"
