"""Every code that a user can meet, as one table: HTTP status, exit code, whether to retry, a hint.

A refusal is an expected answer and is returned (`Refused`); at an edge that has to unwind it is
carried by `RefusedError`. A fault is broken machinery and is raised as it is.
"""

import msgspec

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class Code(msgspec.Struct, frozen=True):
    """One row of the error table. `exit` is the command line's exit code, `retryable` HTTP's member."""

    status: int
    title: str
    hint: str
    retryable: bool = False
    exit: int = 1


class Refused(msgspec.Struct, frozen=True):
    """An expected no: a code of CODES, what happened to which thing, and rows that help."""

    code: str
    detail: str
    errors: tuple[dict[str, Json], ...] = ()
    retry_after_s: int | None = None


class RefusedError(Exception):
    """Carries a Refused through code that cannot return it (streams, middleware, worker threads)."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.refused = refused
