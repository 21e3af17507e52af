"""Who may ask while there are no tokens: this machine's own programs, and no web page elsewhere. Pure.

A page on another site can make a browser send requests here, and can rebind a name of its own to
127.0.0.1; Host and Origin tell both apart.
"""

import re

from multidict import CIMultiDictProxy

from lakehouse.domain.errors import Refused

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
READS = ("GET", "HEAD")


def foreign(method: str, raw_target: str, headers: CIMultiDictProxy[str]) -> Refused | None:
    """Why this request comes from elsewhere, or None. A target in absolute form names a host too."""
    host = headers.get("Host", "")
    absolute = _AUTHORITY.match(raw_target)
    if not all(_LOCAL.fullmatch(each) for each in (host, absolute[1] if absolute else host)):
        return Refused("foreign_host", "the request names another machine as its host, or none")
    origins = headers.getall("Origin", [])
    if any(origin.lower() != f"http://{host.lower()}" for origin in origins):
        return Refused("foreign_origin", "the header Origin names another site")
    sites = [site.lower() for site in headers.getall("Sec-Fetch-Site", [])]
    if method not in READS and "cross-site" in sites:
        return Refused("foreign_origin", "a page of another site sent this")
    return None
