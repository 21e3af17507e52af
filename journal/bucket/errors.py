"""What can go wrong with a bucket, in our words. Adapters translate foreign exceptions here, once."""


class BucketError(Exception):
    """A bucket did not do what was asked. The message names the key, never a credential."""


class ObjectMissing(BucketError):
    """No object has this key (404)."""


class ObjectExists(BucketError):
    """An upload met another object under a key that should have been fresh."""


class BucketUnavailable(BucketError):
    """No answer, a time-out, 429 or 5xx after the allowed retries: try again later."""


class BucketRefused(BucketError):
    """The store refused the request (400, 403, 501): retrying will not help."""


class BucketMissing(BucketRefused):
    """The store has no bucket of this name."""


class BucketFull(BucketError):
    """No room left (ENOSPC, EDQUOT, 507): nothing was stored."""


class BucketBroken(BucketError):
    """A promise that the protocol rests on did not hold: stop writing."""
