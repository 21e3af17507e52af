"""The names of columns, compared as queries compare them. Pure.

Must never fold more than ASCII letters: for DuckDB `ü` and `Ü` are two columns, and so are `k` and the
Kelvin sign, which `str.lower` makes one.
"""

import string

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """The name without regard to case: two columns are the same if this is equal."""
    return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)
