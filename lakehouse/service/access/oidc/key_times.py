"""When the keys of an issuer are fetched, and how long they are used. Pure.

Owns the times alone. There is at most one attempt in RETRY_S, however many tokens name unknown keys and
whether or not the issuer answers.
"""

import msgspec

RETRY_S = 30.0
REFRESH_S = 3_600.0
"""Keys of this age are fetched again while they are still used, so that a removed key stops working."""
KEEP_S = 24 * 3_600.0
"""Keys of this age are not used: for a day the issuer could not confirm them."""


class KeyTimes(msgspec.Struct, frozen=True):
    """Seconds of a monotonic clock; None: never."""

    fetched_s: float | None = None
    tried_s: float | None = None

    def tried(self, now_s: float) -> "KeyTimes":
        """After an attempt has begun."""
        return KeyTimes(self.fetched_s, now_s)

    def fetched(self, now_s: float) -> "KeyTimes":
        """After an attempt has fetched keys."""
        return KeyTimes(now_s, self.tried_s)

    def may_try(self, now_s: float) -> bool:
        """Whether an attempt may begin."""
        return self.tried_s is None or now_s - self.tried_s >= RETRY_S

    def are_old(self, now_s: float) -> bool:
        """Whether newer keys are wanted."""
        return self.fetched_s is None or now_s - self.fetched_s >= REFRESH_S

    def are_usable(self, now_s: float) -> bool:
        """Whether the keys may be used."""
        return self.fetched_s is not None and now_s - self.fetched_s < KEEP_S
