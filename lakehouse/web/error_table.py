"""ERRORS.md, generated from the table of codes by `python -m lakehouse.web.error_table`."""

from pathlib import Path

from lakehouse.domain.error_codes.code import Code
from lakehouse.domain.errors import CODES

PAGE = Path(__file__).with_name("ERRORS.md")

_HEAD = """\
# Errors

Every refusal, on every route, is `application/problem+json` (RFC 9457) with the members `type`,
`title`, `status`, `detail`, `code`, `request_id`, `retryable`, `hint` and, for some codes, `errors`:
a row for each single thing that is wrong. Decide by `code`: it is stable, the texts are not. A request
that is refused with `retryable: true` may succeed when it is sent again; send a change again with the
same `Idempotency-Key`. The command line ends with the exit code, and prints hints of its own.

Bytes that are not HTTP get a bare 400 without a body.

| code | status | exit | retryable | meaning | what to do |
| --- | --- | --- | --- | --- | --- |
"""


def page() -> str:
    """The page's text: one row a code, by status and then by name."""
    rows = sorted(CODES.items(), key=lambda item: (item[1].status, item[0]))
    return _HEAD + "".join(_row(name, code) for name, code in rows)


def _row(name: str, code: Code) -> str:
    retryable = "yes" if code.retryable else "no"
    cells = (f"`{name}`", str(code.status), str(code.exit), retryable, code.title, code.hint)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
