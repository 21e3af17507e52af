"""Failed attempts to authenticate by address: too many within a minute are refused sooner. Pure.

Owns the count alone. Never stops a valid token: it is asked only about attempts that have failed.
"""

from ipaddress import IPv6Address, ip_address, ip_network

MAX_FAILED = 1_024
WINDOW_S = 60.0
MAX_ADDRESSES = 10_000
"""Further addresses push out the one whose minute began first."""
_IPV6_PREFIX = 64
"""One client usually has a whole network of this size."""


class Attempts:
    """The failed attempts of the current minute of each address."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, int]] = {}

    def failed(self, address: str, now_s: float) -> int:
        """Count a failed attempt. Returns how many the address has made within its minute."""
        key = _network(address)
        began_s, count = self._counts.get(key, (now_s, 0))
        if now_s - began_s >= WINDOW_S:
            began_s, count = now_s, 0
            self._counts.pop(key, None)
        self._counts[key] = began_s, count + 1
        if len(self._counts) > MAX_ADDRESSES:
            # In order of beginning: an address whose minute begins again was put at the end.
            del self._counts[next(iter(self._counts))]
        return count + 1


def _network(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
    return address
