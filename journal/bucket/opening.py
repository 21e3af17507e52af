"""Opens the bucket of a URL; reads S3 settings from the environment. Only this module knows all adapters."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from journal.bucket import keys
from journal.bucket.keys import key_fault
from journal.bucket.local.bucket import LocalBucket
from journal.bucket.memory import MemoryBucket
from journal.bucket.port import Bucket
from journal.bucket.s3.settings import S3Settings

_S3_URL = re.compile(r"s3://([A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9])(?:/(.*))?")
_FORMS = "use s3://name[/prefix], file:///directory, a path, or memory://"


async def open_bucket(url: str, s3: S3Settings | None = None) -> Bucket:
    """The bucket at `url`; `s3` is needed for s3:// only, and must have been made for this URL.

    Raises ValueError for a URL that names no bucket, BucketError when a directory cannot be used.
    """
    if url == "memory://":
        return MemoryBucket()
    if url.startswith("s3://"):
        if s3 is None or (s3.bucket, s3.prefix) != parse_s3_url(url):
            raise ValueError("an s3:// bucket needs settings made for its URL")
        # Imported here: botocore takes 0.4 s, and the pure core imports this package.
        from journal.bucket.s3.bucket import S3Bucket

        return await S3Bucket.open(s3)
    return await LocalBucket.open(directory_of(url))


def lake_absence(url: str) -> str | None:
    """Why the directory at `url` has no lake, found without writing; None if it may have one.

    Opening a directory creates it, and a subdirectory in it. Raises ValueError as `directory_of` does.
    """
    if url.startswith(("s3://", "memory://")):
        return None
    directory = directory_of(url)
    try:
        if not directory.exists():
            return "the directory does not exist"
        if not directory.is_dir():
            return "it is not a directory"
        return None if (directory / keys.JOURNAL).exists() else "it holds no lake"
    except PermissionError:
        return None  # opening it says why


def parse_s3_url(url: str) -> tuple[str, str]:
    """The name and the prefix, without slashes at its ends. ValueError for anything else."""
    match = _S3_URL.fullmatch(url)
    if match is None:
        raise ValueError(f"not the URL of an S3 bucket; {_FORMS}")
    prefix = (match[2] or "").removesuffix("/")
    if prefix and (key_fault(prefix) or "?" in prefix or "#" in prefix):
        raise ValueError(
            f"an S3 prefix cannot have a query, a fragment or an empty or dot component; {_FORMS}"
        )
    return match[1], prefix


def s3_settings_from_environment(
    url: str,
    environ: Mapping[str, str],
    secrets: Mapping[str, str],
    *,
    instance_metadata: bool = False,
) -> S3Settings:
    """Settings for `url` from AWS_* variables; `secrets` (lower-case names) take precedence.

    An empty value counts as absent; what is absent comes from the AWS chain when the bucket is opened.
    ValueError for values that cannot work.
    """

    def value(*names: str) -> str | None:
        found = (secrets.get(name.lower()) or environ.get(name) for name in names)
        return next((each for each in found if each), None)

    bucket, prefix = parse_s3_url(url)
    # The environment's token belongs to the environment's key.
    token = None if secrets.get("aws_access_key_id") else environ.get("AWS_SESSION_TOKEN") or None
    return S3Settings(
        bucket=bucket,
        prefix=prefix,
        endpoint_url=value("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
        region=value("AWS_REGION", "AWS_DEFAULT_REGION"),
        access_key_id=value("AWS_ACCESS_KEY_ID"),
        secret_access_key=value("AWS_SECRET_ACCESS_KEY"),
        session_token=secrets.get("aws_session_token") or token,
        instance_metadata=instance_metadata,
    )


def directory_of(url: str) -> Path:
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
        if not url:
            raise ValueError(f"the bucket's URL is empty; {_FORMS}")
        return Path(url)
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise ValueError(f"buckets with {parts.scheme}: URLs are not supported; {_FORMS}")
    if parts.netloc or not parts.path.startswith("/"):
        raise ValueError("a file URL needs an absolute path: file:///directory")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("a file URL cannot have a query or a fragment")
    return Path(unquote(parts.path))
