"""The one error of the client. Imports nothing: `import lakehouse` loads it."""

from typing import Any


class Error(Exception):
    """What the lake refused, or why it could not be asked. Decide by `code`: it is stable.

    `code` is a row of the error table (`lakehouse/web/ERRORS.md`), or one of the client's own:
    `unreachable` (no answer), `incomplete_answer` (an answer that broke off), `invalid_answer` (no
    lakehouse answered).
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        hint: str | None = None,
        errors: list[dict[str, Any]] | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        """The HTTP status, if there was an answer."""
        self.retryable = retryable
        """Whether the same call may succeed later."""
        self.hint = hint
        self.errors = errors or []
        """The single things that are wrong, each with its members."""
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        """How long the lake asks to wait before the same call is repeated."""
