"""Turns DuckDB's errors into refusals that name datasets, never files, hosts or credentials. Pure.

The text of an error decides its code: errors that come through Arrow's stream arrive as pyarrow
exceptions which keep DuckDB's text and nothing else.
"""

import re
from collections.abc import Iterable

import msgspec

from lakehouse.domain.errors import Refused
from lakehouse.query.wire.messages import Configure
from projections.view_sql.datasets import View

_ELLIPSIS = "…"
LARGEST_TEXT_BYTES = 4096
"""The largest detail of a refusal that leaves the worker."""
_LARGEST_ECHO_BYTES = 1024
_LARGEST_READ = 1024 * 1024
"""Characters. The rest is not searched for secrets: it never leaves the worker."""
_URL = re.compile(r"""\b(?:https?|s3)://[^\s"']+""")
_CODES = (
    (r"INTERRUPT Error", "query_timeout"),
    (r"Out of Memory Error|std::bad_alloc", "query_out_of_memory"),
    (r"(INTERNAL|FATAL) Error|Traceback ", "query_killed"),
    (r"Permission Error", "statement_not_allowed"),
    (r"IO Error: (No files found that match|Cannot open file .*No such file)", "object_lost"),
)
_OURS = {
    "query_out_of_memory": "the query needs more memory than one query may have",
    "query_killed": "DuckDB failed on this query",
    "statement_not_allowed": "the statement reaches outside the datasets",
}
"""Codes whose DuckDB text is of no use or reveals too much (INTERNAL has a stack trace, an error of
Python a traceback)."""


class Scrubber(msgspec.Struct, frozen=True):
    """The texts that must not appear, with their replacements; longest first."""

    replacements: tuple[tuple[str, str], ...]

    def text(self, message: str) -> str:
        """Return `message` cleaned. In an echo of the statement lengths stay, for the caret's sake."""
        head, line, echo = message[:_LARGEST_READ].partition("\nLINE ")
        cleaned = _URL.sub(_ELLIPSIS, self._clean(head))
        return cleaned + line + self._clean(echo, keep_length=True)

    def _clean(self, text: str, keep_length: bool = False) -> str:
        for needle, instead in self.replacements:
            text = text.replace(needle, _ELLIPSIS * len(needle) if keep_length else instead)
        return text


def scrubber(configure: Configure, views: Iterable[View]) -> Scrubber:
    """Return the scrubber for errors of a query over `views` in a worker so configured."""
    named = [(path, view.name) for view in views for path in view.objects]
    secret = [(needle, _ELLIPSIS) for needle in _secrets(configure)]
    pairs = {needle: instead for needle, instead in secret + named if needle}
    return Scrubber(tuple(sorted(pairs.items(), key=lambda pair: -len(pair[0]))))


def bounded(refused: Refused) -> Refused:
    """Return `refused` with a detail of at most 4 KiB; the position, which is last, is kept."""
    if len(refused.detail.encode()) <= LARGEST_TEXT_BYTES:
        return refused
    head, line, echo = refused.detail.partition("\n\nLINE ")
    if len(echo.encode()) > _LARGEST_ECHO_BYTES:
        line = echo = ""
    room = LARGEST_TEXT_BYTES - len((_ELLIPSIS + line + echo).encode())
    cut = head.encode()[:room].decode(errors="ignore")
    return msgspec.structs.replace(refused, detail=cut + _ELLIPSIS + line + echo)


def refusal(message: str, clean: Scrubber) -> Refused:
    """Return the refusal for an error of DuckDB, Arrow or Python with this text."""
    message = message[:_LARGEST_READ]
    code = next((code for pattern, code in _CODES if re.match(pattern, message, re.DOTALL)), None)
    if code == "object_lost":
        return Refused(code, clean.text(message.partition("\n")[0]))
    return Refused(code or "sql_error", _OURS.get(code or "", clean.text(message)))


def about_view(refused: Refused, view: View) -> Refused:
    """Return `refused` with the dataset's name in front and without the echo of our own SQL."""
    begin = f"dataset {view.name}: "
    detail = refused.detail.partition("\n\nLINE ")[0].removeprefix(begin)
    return msgspec.structs.replace(refused, detail=begin + detail)


def _secrets(configure: Configure) -> Iterable[str]:
    yield configure.temp_directory
    yield from configure.object_directories
    for prefix in configure.data_prefixes:
        yield from (prefix, prefix.rstrip("/"), prefix.rsplit("/", 2)[0])
