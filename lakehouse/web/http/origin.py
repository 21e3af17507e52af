"""Which requests are refused because of where they come from. Pure: headers in, a refusal out.

Until there are tokens, programs of this machine may send requests, and pages of other sites may not. A page
elsewhere can make a browser send requests here, and can rebind a name of its own to 127.0.0.1: Host,
Origin and Sec-Fetch-Site show both.
"""

import re

from multidict import CIMultiDictProxy

from lakehouse.domain.errors import Refused

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
API = "/v1/"


def foreign(method: str, raw_target: str, headers: CIMultiDictProxy[str]) -> Refused | None:
    """Why this request is refused as foreign, or None. A target in absolute form names a host too."""
    host = headers.get("Host", "")
    absolute = _AUTHORITY.match(raw_target)
    if not all(_LOCAL.fullmatch(each) for each in (host, absolute[1] if absolute else host)):
        return Refused("foreign_host", "the request names another machine as its host, or none")
    origins = headers.getall("Origin", [])
    if any(origin.lower() != f"http://{host.lower()}" for origin in origins):
        return Refused("foreign_origin", "the header Origin names another site")
    sites = [site.lower() for site in headers.getall("Sec-Fetch-Site", [])]
    if "cross-site" in sites and not _allowed_to_other_sites(method, raw_target, headers):
        return Refused("foreign_origin", "a page of another site sent this")
    return None


def _allowed_to_other_sites(method: str, raw_target: str, headers: CIMultiDictProxy[str]) -> bool:
    """A link that a user follows, or a read outside the API: /health, /metrics and the like."""
    navigates = method == "GET" and _only(headers, "Sec-Fetch-Mode") == "navigate"
    if navigates and _only(headers, "Sec-Fetch-Dest") == "document":
        return True
    path = _AUTHORITY.sub("", raw_target, count=1)
    return method in ("GET", "HEAD") and not path.startswith(API)


def _only(headers: CIMultiDictProxy[str], name: str) -> str | None:
    values = headers.getall(name, [])
    return values[0].lower() if len(values) == 1 else None
