"""The port to a bucket and its adapters."""

from .errors import (
    BucketBroken,
    BucketError,
    BucketFull,
    BucketRefused,
    BucketUnavailable,
    ObjectExists,
    ObjectMissing,
)
from .local import LocalBucket
from .memory import MemoryBucket
from .opening import open_bucket, s3_settings_from_environment
from .port import Answer, Bucket, Created, Stat
from .s3_settings import S3Settings

__all__ = [
    "Answer",
    "Bucket",
    "BucketBroken",
    "BucketError",
    "BucketFull",
    "BucketRefused",
    "BucketUnavailable",
    "Created",
    "LocalBucket",
    "MemoryBucket",
    "ObjectExists",
    "ObjectMissing",
    "S3Settings",
    "Stat",
    "open_bucket",
    "s3_settings_from_environment",
]
