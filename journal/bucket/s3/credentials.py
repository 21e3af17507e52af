"""Where the S3 clients' credentials and region come from: the settings, else the AWS chain.

The chain is botocore's: AWS_* variables, AWS_PROFILE with the shared config and credentials files, SSO,
web identity, credential_process, container credentials. The machine's metadata service is used only
if the settings or the profile's `credential_source` allow it. Messages never contain a secret.
"""

import os
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.credentials import (
    AioCredentialResolver,
    AioCredentials,
    create_credential_resolver,
)
from aiobotocore.session import AioSession
from botocore.exceptions import (
    ClientError,
    ConfigNotFound,
    ConfigParseError,
    InvalidConfigError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    UnknownCredentialError,
)

from journal.bucket.errors import BucketRefused, BucketUnavailable
from journal.bucket.s3.answers import NO_ANSWER
from journal.bucket.s3.direct_session import DirectSession
from journal.bucket.s3.settings import S3Settings

DEFAULT_REGION = "us-east-1"
ISSUER_ATTEMPTS = 2
_MISCONFIGURED = (
    ConfigNotFound,
    ConfigParseError,
    InvalidConfigError,
    PartialCredentialsError,
    ProfileNotFound,
    UnknownCredentialError,
)
_INSTANCE_METADATA = "iam-role"
"""botocore's name for the provider that asks the machine's metadata service."""
_LEGACY = ("ec2-credentials-file", "boto-config")
"""Providers of tools older than boto3."""
_NO_FILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""botocore's session variables (config name, environment name, default, conversion): no AWS files."""


class _GivenProvider:
    """A provider, as botocore calls it, of the credentials that the settings hold."""

    METHOD = CANONICAL_NAME = "given"

    def __init__(self, credentials: AioCredentials) -> None:
        self._credentials = credentials

    async def load(self) -> AioCredentials:
        return self._credentials


async def open_session(settings: S3Settings) -> tuple[AioSession, AioCredentials, str]:
    """A session, its credentials, obtained once and renewed when they expire, and its region.

    Raises ValueError when there are no credentials or the AWS files cannot be used, BucketRefused when
    their issuer refuses to give them, BucketUnavailable when it does not respond.
    """
    given = settings.access_key_id is not None
    files = not given or settings.region is None
    session = AioSession() if files else AioSession(session_vars=_NO_FILES)
    session.set_default_client_config(_DefaultConfig(settings))
    try:
        region = settings.region or session.get_config_variable("region") or DEFAULT_REGION
        session.register_component("credential_provider", _resolver(session, settings, region))
        credentials = await session.get_credentials()
        if credentials is not None:
            await credentials.get_frozen_credentials()
    except _MISCONFIGURED as error:
        raise ValueError(f"AWS configuration: {error}") from error
    except SSOError as error:
        detail = "AWS credentials: the SSO session is missing or has expired; run `aws sso login`"
        raise BucketRefused(detail) from error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise BucketRefused(f"AWS credentials: {error.operation_name} answered {code}") from error
    except NO_ANSWER as error:
        detail = f"AWS credentials: they could not be obtained ({type(error).__name__})"
        raise BucketUnavailable(detail) from error
    if credentials is None:
        raise ValueError(
            "no S3 credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, "
            "secrets_file, or instance_metadata"
        )
    return session, credentials, region


class _DefaultConfig(AioConfig):  # type: ignore[misc]
    """The configuration of the session's clients, those of STS and SSO included, under their own.

    No client follows redirects. Its time limits are seconds: botocore's let an open wait for minutes.
    """

    def __init__(self, settings: S3Settings) -> None:
        super().__init__(
            connect_timeout=settings.connect_timeout_s,
            read_timeout=settings.read_timeout_s,
            retries={"total_max_attempts": ISSUER_ATTEMPTS, "mode": "standard"},
        )

    def merge(self, other_config: AioConfig) -> AioConfig:
        """A client's configuration over this one; aiobotocore's own merge drops the session class."""
        merged = super().merge(other_config)
        merged.http_session_cls = DirectSession
        return merged


def _resolver(session: AioSession, settings: S3Settings, region: str) -> Any:
    if settings.access_key_id is not None:
        credentials = AioCredentials(
            settings.access_key_id, settings.secret_access_key, settings.session_token
        )
        return AioCredentialResolver([_GivenProvider(credentials)])
    resolver = create_credential_resolver(session, region_name=region)
    for name in (*_LEGACY, *(() if settings.instance_metadata else (_INSTANCE_METADATA,))):
        resolver.remove(name)
    return resolver
