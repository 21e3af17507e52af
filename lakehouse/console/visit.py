"""One request of a browser, as page handlers see it.

Owns the links of the console: every link keeps `as_of`. Must never hold a token.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from lakehouse.api.audit.entries import AuditRead
from lakehouse.console.forms import FormRefusal
from lakehouse.console.sessions import Session, Sessions
from lakehouse.domain.access.rights import MANAGE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.caller import Caller

ROOT = "/console"
HOME = f"{ROOT}/datasets"
AS_OF = "as_of"


class SentFile(msgspec.Struct, frozen=True):
    """A file of a form. Its chunks are there until the next file is asked for."""

    name: str
    """As the browser names it, without a path."""
    chunks: AsyncIterator[bytes]


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a page, with what the layout needs of the lake and of the browser."""

    caller: Caller
    """Who is asking; in a form its `reason` and idempotency key are those of the form."""
    path: str
    name: str
    """What follows the fixed part of the route's path, decoded."""
    query: dict[str, str]
    form: dict[str, str]
    """The fields of a form that was sent by POST, checked against cross-site request forgery."""
    files: AsyncIterator[SentFile] | None = None
    """The files of a form that has some, in their order: they arrive while they are read."""
    held: Permissions
    """What the caller may do now; pages offer nothing else."""
    sessions: Sessions
    session: Session | None
    is_open: bool
    """Whether the lake needs no sign-in."""
    head_seq: int
    """The last event."""
    now: datetime
    origin: str
    """Scheme and host that the browser used."""
    fault: Callable[[], Refused | None]
    """Why this process refuses changes now, if it does: a page itself may find damage."""
    theme: str
    """`light`, `dark`, or empty for what the system prefers."""
    nonce: str
    failed: FormRefusal | None = None
    """The form of this page that was refused; `form` has what was typed."""
    reads: list[AuditRead] = []
    """For the audit: what the page's queries have read; a handler adds to it."""

    @property
    def as_of(self) -> str | None:
        """The moment that was chosen; None for the present."""
        return self.query.get(AS_OF, "").strip() or None

    def may_write(self, name: str) -> bool:
        """Whether the caller may change the dataset that has this name."""
        return self.held.may_change("write", name)

    @property
    def may_define(self) -> bool:
        """Whether there is a name that the caller may give a view."""
        return self.held.unrestricted or any(MANAGE in grant.can for grant in self.held.grants)

    def parameter(self, name: str, default: str = "") -> str:
        """A parameter of the query string."""
        return self.query.get(name, default)

    def number(self, name: str, default: int, largest: int = 2**53 - 1) -> int:
        """A parameter that is a whole number from 0. Raises RefusedError `invalid_request`."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= largest):
            detail = f"{name} must be a whole number from 0 to {largest:,}"
            raise RefusedError(Refused("invalid_request", detail))
        return int(text)

    def field(self, name: str) -> str:
        """A field of the form that must be there. Raises RefusedError `invalid_request`."""
        if name not in self.form:
            raise RefusedError(Refused("invalid_request", f"the form has no field {name}"))
        return self.form[name]

    def failed_at(self, action: str, key: tuple[str, str] | None = None) -> bool:
        """Whether the form that is sent to `action` was refused; `key`: a field that tells it from others."""
        if self.failed is None or self.failed.action != action:
            return False
        return key is None or self.form.get(key[0]) == key[1]

    def url(self, path: str, **query: Any) -> str:
        """A link to a page of the console, as of the moment that was chosen."""
        return _target(path, {AS_OF: self.as_of} | query)

    def here(self, **changes: Any) -> str:
        """A link to this page with other parameters; None removes one."""
        return _target(self.path, dict(self.query) | changes)

    def kept(self, *left_out: str) -> list[tuple[str, str]]:
        """The parameters of this page that a form by GET must send again."""
        return [(name, value) for name, value in self.query.items() if name not in left_out]


def dataset_path(name: str) -> str:
    """The path of a dataset's page."""
    return f"{ROOT}/dataset/{quote(name, safe='')}"


def view_path(name: str) -> str:
    """The path of a view's page."""
    return f"{ROOT}/view/{quote(name, safe='')}"


def event_path(seq: int) -> str:
    """The path of an event's page."""
    return f"{ROOT}/event/{seq}"


def principal_path(name: str) -> str:
    """The path of a principal's page."""
    return f"{ROOT}/principal/{quote(name, safe='')}"


def _target(path: str, query: dict[str, Any]) -> str:
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return path + (f"?{urlencode(given)}" if given else "")
