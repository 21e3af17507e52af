"""Who may ask while there are no tokens: this machine's own programs, and no web page elsewhere. Pure.

A page on another site can make a browser send requests here, and can rebind a name of its own to
127.0.0.1; Host and Origin tell both apart.
"""

import re
from collections.abc import Mapping

from lakehouse.errors import Refused

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
READS = ("GET", "HEAD")


def foreign(method: str, headers: Mapping[str, str]) -> Refused | None:
    """Why this request comes from elsewhere, or None."""
    host = headers.get("Host", "")
    if not _LOCAL.fullmatch(host):
        return Refused("foreign_host", "the header Host names another machine, or is absent")
    origin = headers.get("Origin")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        return Refused("foreign_origin", "the header Origin names another site")
    if method not in READS and headers.get("Sec-Fetch-Site", "").lower() == "cross-site":
        return Refused("foreign_origin", "a page of another site sent this")
    return None
