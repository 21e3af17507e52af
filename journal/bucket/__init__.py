"""The port to a bucket and its adapters."""

from journal.bucket.errors import (
    BucketBroken,
    BucketError,
    BucketFull,
    BucketRefused,
    BucketUnavailable,
    ObjectExists,
    ObjectMissing,
)
from journal.bucket.local import LocalBucket
from journal.bucket.memory import MemoryBucket
from journal.bucket.opening import is_absent, open_bucket, s3_settings_from_environment
from journal.bucket.port import Answer, Bucket, Created, Stat
from journal.bucket.s3_settings import S3Settings

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
    "is_absent",
    "open_bucket",
    "s3_settings_from_environment",
]
