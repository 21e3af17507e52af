"""The names of the seven types that a text column may have, the narrowest first. Pure.

Must never import Arrow: commands that ask a server use the names alone.
"""

BOOL, INT64, DOUBLE, DATE, TIMESTAMP, ZONED, STRING = (
    "bool",
    "int64",
    "double",
    "date32[day]",
    "timestamp[us]",
    "timestamp[us, tz=UTC]",
    "string",
)
TYPE_NAMES = (BOOL, INT64, DOUBLE, DATE, TIMESTAMP, ZONED, STRING)
"""In the order of the table of types: the first that holds for every value wins."""
