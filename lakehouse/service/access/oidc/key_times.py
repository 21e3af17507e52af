"""When the keys of an issuer are fetched, and how long they count. Pure.

Owns the times alone. However many tokens name keys that are not known, and whether the issuer answers or
not, there is one attempt in RETRY_S.
"""

import msgspec

RETRY_S = 30.0
REFRESH_S = 3_600.0
"""Keys of this age are fetched again while they go on being used: a key that is removed ends."""
KEEP_S = 24 * 3_600.0
"""Keys of this age are not used: the issuer could not say for a day whether it still holds to them."""


class KeyTimes(msgspec.Struct, frozen=True):
    """Seconds of a monotonic clock; None: never."""

    fetched_s: float | None = None
    tried_s: float | None = None

    def tried(self, now_s: float) -> "KeyTimes":
        """After an attempt has begun."""
        return KeyTimes(self.fetched_s, now_s)

    def fetched(self, now_s: float) -> "KeyTimes":
        """After an attempt has brought keys."""
        return KeyTimes(now_s, self.tried_s)

    def may_try(self, now_s: float) -> bool:
        """Whether an attempt may begin."""
        return self.tried_s is None or now_s - self.tried_s >= RETRY_S

    def are_old(self, now_s: float) -> bool:
        """Whether newer keys are wanted."""
        return self.fetched_s is None or now_s - self.fetched_s >= REFRESH_S

    def are_usable(self, now_s: float) -> bool:
        """Whether the keys count."""
        return self.fetched_s is not None and now_s - self.fetched_s < KEEP_S
