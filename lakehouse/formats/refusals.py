"""How ingest says no: the wording that several of its readers share. It decides nothing."""

from lakehouse.domain.errors import Json, Refused, RefusedError

_SHOWN = 60


def refusal(code: str, detail: str, **where: Json) -> RefusedError:
    """A refusal to raise; `where` (line, column, reason) becomes its one row of errors."""
    return RefusedError(Refused(code, detail, (where,) if where else ()))


def malformed(line: int, reason: str) -> RefusedError:
    """The refusal of a whole file for one `line` of it."""
    return refusal("malformed_csv", f"line {line}: {reason}", line=line, reason=reason)


def shown(text: str) -> str:
    """`text` in quotes, escaped, and cut where it would drown the message."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
