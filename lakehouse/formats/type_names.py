"""The names of the seven types that a text column may have, the narrowest first. Pure.

Loads no Arrow: whoever only spells types, as a command that asks a server does, needs no more.
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
