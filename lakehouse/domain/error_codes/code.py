"""One row of the table of error codes. Pure."""

import msgspec


class Code(msgspec.Struct, frozen=True):
    """One row of the error table. `exit`: the command line's exit code."""

    status: int
    title: str
    hint: str
    retryable: bool = False
    exit: int = 1
