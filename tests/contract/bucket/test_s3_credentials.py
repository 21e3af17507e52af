"""S3 credentials as AWS users know them: from each place of the chain, in its order, renewed in time."""

import asyncio
import hashlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from botocore.credentials import RefreshableCredentials
from fake_aws import EXPIRING_S, LONG_S, FakeAws

from journal.bucket.errors import BucketRefused, BucketUnavailable
from journal.bucket.opening import open_bucket, s3_settings_from_environment
from journal.bucket.s3.settings import S3Settings

URL = "s3://bucket"
DEFAULT_REGION = "us-east-1"


@pytest.fixture
async def aws() -> AsyncIterator[FakeAws]:
    async with FakeAws().running() as server:
        yield server


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory and no AWS variables; the machine's metadata service does not exist."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def variables(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


async def signers(
    aws: FakeAws,
    reads: int = 1,
    *,
    instance_metadata: bool = False,
    secrets: Mapping[str, str] = {},
) -> list[tuple[str, str | None, str]]:
    """The key id, token and region of each of `reads` requests of one open bucket."""
    environ = {**os.environ, "AWS_ENDPOINT_URL_S3": f"{aws.url}/s3"}
    settings = s3_settings_from_environment(
        URL, environ, secrets, instance_metadata=instance_metadata
    )
    bucket = await open_bucket(URL, settings)
    try:
        for _ in range(reads):
            assert await bucket.read("key") == b"body"
    finally:
        await bucket.close()
    return aws.signers


async def test_a_profile_of_the_shared_files(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".aws/config").write_text("[profile work]\nregion = eu-west-3\n")
    (home / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = plain\naws_secret_access_key = s\n"
        "[work]\naws_access_key_id = work\naws_secret_access_key = s\naws_session_token = t\n"
    )
    assert await signers(aws) == [("plain", None, DEFAULT_REGION)]
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert (await signers(aws))[1:] == [("work", "t", "eu-west-3")]
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert (await signers(aws))[2:] == [("work", "t", "eu-north-1")]


async def test_files_elsewhere(aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text("[default]\nregion = eu-west-3\n")
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = k\naws_secret_access_key = s\n"
    )
    variables(
        monkeypatch,
        AWS_CONFIG_FILE=str(home / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(home / "credentials"),
    )
    assert await signers(aws) == [("k", None, "eu-west-3")]


async def test_variables_come_before_profiles_and_the_secrets_file_before_both(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".aws/config").write_text("[default]\nregion = eu-west-3\n")
    (home / ".aws/credentials").write_text(
        "[default]\naws_access_key_id = profile\naws_secret_access_key = s\n"
    )
    variables(
        monkeypatch, AWS_ACCESS_KEY_ID="variable", AWS_SECRET_ACCESS_KEY="s", AWS_SESSION_TOKEN="t"
    )
    secrets = {"aws_access_key_id": "file", "aws_secret_access_key": "s"}
    assert await signers(aws) == [("variable", "t", "eu-west-3")]
    assert (await signers(aws, secrets=secrets))[1:] == [("file", None, "eu-west-3")]


async def test_web_identity_as_of_a_pod(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("the-web-identity-token")
    variables(
        monkeypatch,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "token"),
        AWS_ENDPOINT_URL_STS=f"{aws.url}/sts",
    )
    name = "AssumeRoleWithWebIdentity1"
    assert await signers(aws, 3) == [(name, f"token-{name}", DEFAULT_REGION)] * 3
    assert aws.issued == 1


async def test_a_role_that_a_profile_assumes(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".aws/config").write_text(
        "[profile base]\naws_access_key_id = base\naws_secret_access_key = s\n"
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
    )
    variables(monkeypatch, AWS_PROFILE="role", AWS_ENDPOINT_URL_STS=f"{aws.url}/sts")
    assert await signers(aws) == [("AssumeRole1", "token-AssumeRole1", DEFAULT_REGION)]


async def test_an_sso_session_in_the_cache(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = "https://example.awsapps.com/start"
    (home / ".aws/config").write_text(
        f"[profile sso]\nsso_start_url = {start}\nsso_region = eu-west-1\n"
        "sso_account_id = 123456789012\nsso_role_name = reader\nregion = eu-west-2\n"
    )
    variables(monkeypatch, AWS_PROFILE="sso", AWS_ENDPOINT_URL_SSO=f"{aws.url}/sso")
    # botocore works this path out when it is imported.
    monkeypatch.setattr(
        "botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache")
    )
    with pytest.raises(BucketRefused, match="aws sso login"):
        await signers(aws)
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True)
    token = {"accessToken": "the-sso-token", "expiresAt": "2999-01-01T00:00:00Z"}
    (cache / f"{hashlib.sha1(start.encode()).hexdigest()}.json").write_text(json.dumps(token))
    assert await signers(aws) == [("sso1", "token-sso1", "eu-west-2")]


async def test_a_container_s_credentials(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    variables(
        monkeypatch,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container",
        AWS_CONTAINER_AUTHORIZATION_TOKEN="the-container-token",
    )
    assert await signers(aws) == [("container1", "token-container1", DEFAULT_REGION)]


async def test_a_command_of_the_profile(aws: FakeAws, home: Path) -> None:
    printed = json.dumps({"Version": 1, "AccessKeyId": "process", "SecretAccessKey": "s"})
    (home / "print.py").write_text(f"print({printed!r})")
    (home / ".aws/config").write_text(
        f"[default]\ncredential_process = {sys.executable} {home / 'print.py'}\n"
    )
    assert await signers(aws) == [("process", None, DEFAULT_REGION)]


async def test_the_machine_is_asked_only_when_configured(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{aws.url}/machine")
    with pytest.raises(ValueError, match="no S3 credentials"):
        await signers(aws)
    assert aws.requests == []
    assert await signers(aws, instance_metadata=True) == [
        ("machine1", "token-machine1", DEFAULT_REGION)
    ]


@pytest.mark.parametrize("source", ["container", "web identity"])
async def test_credentials_are_renewed_before_they_expire(
    source: str, aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("the-web-identity-token")
    match source:
        case "container":
            variables(
                monkeypatch,
                AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{aws.url}/container",
                AWS_CONTAINER_AUTHORIZATION_TOKEN="the-container-token",
            )
        case "web identity":
            variables(
                monkeypatch,
                AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
                AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "token"),
                AWS_ENDPOINT_URL_STS=f"{aws.url}/sts",
            )
    aws.lifetime_s = EXPIRING_S
    environ = {**os.environ, "AWS_ENDPOINT_URL_S3": f"{aws.url}/s3"}
    settings = s3_settings_from_environment(URL, environ, {})
    bucket = await open_bucket(URL, settings)
    before = aws.issued
    await bucket.read("key")
    aws.lifetime_s = LONG_S
    await bucket.read("key")
    await bucket.read("key")
    await bucket.close()
    numbers = [int("".join(filter(str.isdigit, key))) for key, _, _ in aws.signers]
    assert before < numbers[0] < numbers[1] == numbers[2] == aws.issued


async def test_the_machine_s_credentials_are_renewed(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore extends those that are issued with a short life, so here time passes instead."""
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{aws.url}/machine")
    environ = {**os.environ, "AWS_ENDPOINT_URL_S3": f"{aws.url}/s3"}
    settings = s3_settings_from_environment(URL, environ, {}, instance_metadata=True)
    bucket = await open_bucket(URL, settings)
    await bucket.read("key")
    await bucket.read("key")
    left_s = RefreshableCredentials._seconds_remaining
    with monkeypatch.context() as later:
        later.setattr(
            RefreshableCredentials, "_seconds_remaining", lambda self: left_s(self) - LONG_S + 60
        )
        await bucket.read("key")
    await bucket.read("key")
    await bucket.close()
    keys = [key for key, _, _ in aws.signers]
    assert keys[0] == keys[1]
    assert keys[1] != keys[2]
    assert keys[2] == keys[3] == f"machine{aws.issued}"


async def test_an_endpoint_of_a_profile_is_not_used(aws: FakeAws, home: Path) -> None:
    (home / ".aws/config").write_text(
        "[default]\naws_access_key_id = k\naws_secret_access_key = s\nendpoint_url = http://127.0.0.1:9\n"
    )
    assert [key for key, _, _ in await signers(aws)] == ["k"]


async def test_an_issuer_that_is_silent_is_not_awaited_for_minutes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("the-web-identity-token")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables(
            monkeypatch,
            AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
            AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "token"),
            AWS_ENDPOINT_URL_STS=f"http://127.0.0.1:{silent.getsockname()[1]}",
        )
        settings = S3Settings(bucket="bucket", connect_timeout_s=0.2, read_timeout_s=0.2)
        with pytest.raises(BucketUnavailable, match="could not be obtained"):
            await asyncio.wait_for(open_bucket(URL, settings), 60)


async def test_a_redirect_of_an_issuer_is_not_followed(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("the-web-identity-token")
    variables(
        monkeypatch,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "token"),
        AWS_ENDPOINT_URL_STS=f"{aws.url}/redirect",
    )
    with pytest.raises(BucketUnavailable):
        await signers(aws)
    assert aws.issued == 0


async def test_what_cannot_give_credentials_is_named_without_a_secret(
    aws: FakeAws, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    with pytest.raises(ValueError, match=r"profile \(absent\)"):
        await signers(aws)
    monkeypatch.delenv("AWS_PROFILE")
    (home / ".aws/credentials").write_text("[default]\naws_access_key_id = half\n")
    with pytest.raises(ValueError, match="Partial"):
        await signers(aws)
    (home / ".aws/credentials").unlink()
    (home / "token").write_text("the-web-identity-token")
    variables(
        monkeypatch,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/reader",
        AWS_WEB_IDENTITY_TOKEN_FILE=str(home / "token"),
        AWS_ENDPOINT_URL_STS=f"{aws.url}/sts",
    )
    aws.refusing = True
    with pytest.raises(
        BucketRefused, match="AssumeRoleWithWebIdentity answered AccessDenied"
    ) as refused:
        await signers(aws)
    assert "the-web-identity-token" not in str(refused.value)
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    with pytest.raises(BucketUnavailable, match="could not be obtained"):
        await signers(aws)
    for name in ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/container")
    with pytest.raises(BucketUnavailable, match="could not be obtained"):
        await signers(aws)
