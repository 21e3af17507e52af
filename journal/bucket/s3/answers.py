"""Translates an S3 store's answers into bucket errors. Never passes on text of the store's own.

A store may echo what we sent, so messages contain the key, the status and the error code only.
"""

import contextlib
import re
from collections.abc import Iterator

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from journal.bucket.errors import (
    BucketError,
    BucketFull,
    BucketMissing,
    BucketRefused,
    BucketUnavailable,
    ObjectMissing,
)
from journal.bucket.port import Answer, Created

_BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
NEVER_SENT = (NoCredentialsError, ParamValidationError)
NOT_SIGNED = (CredentialRetrievalError, MetadataRetrievalError, SSOError, TokenRetrievalError)
"""The AWS chain could not renew the credentials: nothing was sent, and a later attempt may succeed."""
NO_ANSWER = (BotoCoreError, ResponseParserError, aiohttp.ClientError, OSError)
"""Any of these may come after the store has acted. TimeoutError is an OSError."""


def status_of(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: ClientError) -> str:
    """The store's error code, as one short word."""
    return re.sub(r"[^A-Za-z0-9]", "", str(error.response.get("Error", {}).get("Code", "")))[:64]


def created(key: str, error: Exception) -> Created:
    """The outcome of the create that ended with `error`."""
    if isinstance(error, ClientError):
        return Created(_answer(error), _detail(key, error))
    if isinstance(error, NEVER_SENT + NOT_SIGNED):
        return Created(Answer.REFUSED, f"{key}: not sent ({type(error).__name__})")
    return Created(Answer.UNKNOWN, _silent(key, error))


@contextlib.contextmanager
def translated(key: str) -> Iterator[None]:
    """Translate every exception of botocore and aiohttp into a BucketError about `key`."""
    try:
        yield
    except ClientError as error:
        raise _bucket_error(key, error) from error
    except NEVER_SENT as error:
        raise BucketRefused(f"{key}: not sent ({type(error).__name__})") from error
    except NOT_SIGNED as error:
        detail = f"{key}: not sent, the AWS credentials could not be renewed"
        raise BucketUnavailable(f"{detail} ({type(error).__name__})") from error
    except NO_ANSWER as error:
        raise BucketUnavailable(_silent(key, error)) from error


def _answer(error: ClientError) -> Answer:
    status = status_of(error)
    if status == 412:
        return Answer.EXISTS
    if status == 409:
        return Answer.CONFLICT
    return Answer.UNKNOWN if _is_passing(error) else Answer.REFUSED


def _is_passing(error: ClientError) -> bool:
    """Whether the same request may succeed later, or may even have succeeded."""
    status = status_of(error)
    # 400 RequestTimeout: the body did not arrive in time, the request itself is sound.
    slow = status in (408, 429) or code_of(error) == "RequestTimeout"
    return slow or status < 300 or (status >= 500 and status != 501)


def _bucket_error(key: str, error: ClientError) -> BucketError:
    status, code = status_of(error), code_of(error)
    if code == "NoSuchBucket":
        return missing_bucket(str(error.response["Error"].get("BucketName", "")))
    if status == 404:
        return ObjectMissing(_detail(key, error))
    if status == 507 or code == "QuotaExceeded":
        return BucketFull(_detail(key, error))
    if status == 409 or _is_passing(error):
        return BucketUnavailable(_detail(key, error))
    return BucketRefused(_detail(key, error))


def missing_bucket(name: str) -> BucketMissing:
    """The error for a bucket that the store does not have; `name` may come from the store."""
    named = f"bucket {name}" if _BUCKET_NAME.fullmatch(name) else "the bucket"
    return BucketMissing(f"{named} does not exist")


def _detail(key: str, error: ClientError) -> str:
    return f"{key}: the store answered {status_of(error)} {code_of(error)}"


def _silent(key: str, error: Exception) -> str:
    return f"{key}: no answer from the store ({type(error).__name__})"
