"""Which requests are refused because of where they come from. Pure: headers in, a refusal out.

A page of another site can make a browser send requests here, and can rebind a name of its own to this
server's address: Host, Origin and Sec-Fetch-Site show both. Never trusts a forwarded Host.
"""

import re

from multidict import CIMultiDictProxy

from lakehouse.domain.errors import Refused
from lakehouse.web.http.connections.peer import Peer, Site

_LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_AUTHORITY = re.compile(r"https?://([^/?#]*)", re.IGNORECASE)
_PORT = re.compile(r":[0-9]{1,5}\Z")
API = ("/v1/", "/iceberg/")


def foreign(
    method: str,
    raw_target: str,
    headers: CIMultiDictProxy[str],
    site: Site,
    peer: Peer,
) -> Refused | None:
    """Why this request is refused as foreign, or None. A target in absolute form names a host too."""
    host = headers.get("Host", "")
    absolute = _AUTHORITY.match(raw_target)
    if not all(_is_ours(each, site) for each in (host, absolute[1] if absolute else host)):
        return Refused("foreign_host", "the request names another machine as its host, or none")
    if peer.unprotected:
        return Refused("tls_required", "the request came over plain HTTP from another machine")
    origins = [origin.lower() for origin in headers.getall("Origin", [])]
    own = {f"{peer.scheme}://{host.lower()}", site.public_origin}
    if _only(headers, "Sec-Fetch-Site") == "same-origin":
        # A form of a page that sends no referrer hides its origin even from its own server.
        own.add("null")
    if any(origin not in own and origin not in site.origins for origin in origins):
        return Refused("foreign_origin", "the header Origin names another site")
    if allowed_origin(headers, site) is not None:
        return None
    sites = [site.lower() for site in headers.getall("Sec-Fetch-Site", [])]
    if "cross-site" in sites and not _allowed_to_other_sites(method, raw_target, headers):
        return Refused("foreign_origin", "a page of another site sent this")
    return None


def allowed_origin(headers: CIMultiDictProxy[str], site: Site) -> str | None:
    """The one origin of a request if it is another site that the settings allow."""
    origin = _only(headers, "Origin")
    return origin if origin in site.origins else None


def _is_ours(host: str, site: Site) -> bool:
    if _LOCAL.fullmatch(host):
        return True
    return host.lower() in site.hosts or _PORT.sub("", host.lower()) in site.hosts


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
