"""Keys of a role from STS, limited to reading some prefixes of the bucket.

Owns one request to STS. Must never issue keys that write anywhere but below a staging prefix, nor repeat a
secret in an error.
"""

from collections.abc import Sequence

from botocore.exceptions import ClientError, ParamValidationError

from journal.bucket.errors import BucketRefused, BucketUnavailable
from journal.bucket.s3.answers import NO_ANSWER, code_of, status_of
from journal.bucket.s3.credentials import open_session
from journal.bucket.s3.read_keys import ReadKeys, read_policy
from journal.bucket.s3.settings import S3Settings

SESSION = "lakehouse-readers"
LIFETIME_S = 3_600
"""The longest session of a role that is assumed by another assumed role."""
TOO_MANY_REQUESTS = 429


async def keys_of_role(
    settings: S3Settings, role_arn: str, prefixes: Sequence[str], staging: str | None
) -> ReadKeys:
    """New keys, valid for an hour, that read the objects below `prefixes` and write below `staging`.

    STS is the settings' endpoint, else Amazon's of the region. Raises BucketRefused where the role cannot
    be assumed, BucketUnavailable without an answer, and as `open_session` does.
    """
    policy = read_policy(role_arn, settings.bucket, settings.prefix, prefixes, staging)
    session, _, region = await open_session(settings)
    client = session.create_client("sts", region_name=region, endpoint_url=settings.endpoint_url)
    try:
        async with client as sts:
            answer = await sts.assume_role(
                RoleArn=role_arn,
                RoleSessionName=SESSION,
                Policy=policy,
                DurationSeconds=LIFETIME_S,
            )
    except ParamValidationError as error:
        raise BucketRefused("iceberg_role_arn: it is not the ARN of a role") from error
    except ClientError as error:
        detail = f"STS gives no keys for the role of iceberg_role_arn: {code_of(error)}"
        status = status_of(error)
        if status >= 500 or status == TOO_MANY_REQUESTS:
            raise BucketUnavailable(detail) from error
        raise BucketRefused(detail) from error
    except NO_ANSWER as error:
        raise BucketUnavailable(f"STS does not answer ({type(error).__name__})") from error
    found = answer["Credentials"]
    return ReadKeys(
        found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], found["Expiration"]
    )
