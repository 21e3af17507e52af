"""Every error code as one table: HTTP status, exit code, whether to retry, and what to do. Pure.

A refusal is an expected answer and is returned (`Refused`); where it cannot be returned,
`RefusedError` carries it. A fault is broken machinery and is raised as it is. The hints here are for
clients of HTTP; `lakehouse/cli/hints.py` has those of the command line.
"""

import msgspec

from lakehouse.domain.error_codes.code import Code
from lakehouse.domain.error_codes.content import CONTENT
from lakehouse.domain.error_codes.requests import REQUESTS
from lakehouse.domain.error_codes.server import SERVER
from lakehouse.domain.error_codes.targets import TARGETS

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class Refused(msgspec.Struct, frozen=True):
    """An expected refusal: a code of CODES, what happened to which thing, and rows of details."""

    code: str
    detail: str
    errors: tuple[dict[str, Json], ...] = ()
    retry_after_s: int | None = None


class RefusedError(Exception):
    """Carries a Refused through code that cannot return it: streams, contexts, worker threads."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.detail}")
        self.refused = refused


CODES: dict[str, Code] = {**REQUESTS, **TARGETS, **CONTENT, **SERVER}
"""All codes, by name. A test holds that each is documented in web/ERRORS.md and reachable."""
