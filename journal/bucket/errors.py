"""The errors of a bucket. Adapters translate the exceptions of libraries into these."""


class BucketError(Exception):
    """A bucket operation failed. The message names the key, never a credential."""


class ObjectMissing(BucketError):
    """No object has this key (404)."""


class ObjectExists(BucketError):
    """An upload found another object under a key that should be new."""


class BucketUnavailable(BucketError):
    """No answer, a time-out, 429 or 5xx after the allowed retries: try again later."""


class StoreUnavailable(BucketUnavailable):
    """None of the stores that have a copy of an object answers. The message names them."""


class BucketRefused(BucketError):
    """The store refused the request (400, 403, 501): retrying will not help."""


class BucketMissing(BucketRefused):
    """The store has no bucket of this name."""


class BucketFull(BucketError):
    """No room left (ENOSPC, EDQUOT, 507): nothing was stored."""


class BucketBroken(BucketError):
    """The store broke a guarantee that the protocol needs: stop writing."""
