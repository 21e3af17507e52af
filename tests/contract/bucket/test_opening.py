"""Which URLs name a bucket, and where S3 settings come from."""

from pathlib import Path

import pytest

from journal.bucket.local.bucket import LocalBucket
from journal.bucket.memory import MemoryBucket
from journal.bucket.opening import open_bucket, s3_settings_from_environment
from journal.bucket.s3.settings import S3Settings

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret"}


async def test_memory_is_a_new_bucket_each_time() -> None:
    one, other = await open_bucket("memory://"), await open_bucket("memory://")
    assert isinstance(one, MemoryBucket)
    await one.create("a", b"")
    assert await other.list_objects("") == []


async def test_a_path_and_its_file_url_are_the_same_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "a b%20ü"
    monkeypatch.chdir(tmp_path)
    for url in (str(directory), directory.as_uri(), "a b%20ü"):
        bucket = await open_bucket(url)
        assert isinstance(bucket, LocalBucket)
        assert bucket.url == directory.as_uri()
        await bucket.create("a", b"")
        await bucket.close()
    assert (directory / "a").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://host/bucket",
        "https://host/bucket",
        "gs://bucket",
        "s3:bucket",
        "s3:/bucket",
        "s3://",
        "s3:///prefix",
        "s3://ab",
        "s3://user:password@bucket",
        "s3://bucket/a//b",
        "s3://bucket/../a",
        "s3://bucket/prefix?region=x",
        "s3://bucket?region=x",
        "s3://bucket/prefix#x",
        "file:relative",
        "file://relative/path",
        "file://",
        "file:///directory?x=1",
        "file:///directory#x",
        "memory://name",
        "memory:",
    ],
)
async def test_anything_else_is_a_value_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"use s3://|file URL|prefix|settings"):
        await open_bucket(url)
    if url.startswith("s3:"):
        with pytest.raises(ValueError, match=r"use s3://"):
            s3_settings_from_environment(url, CREDENTIALS, {})


async def test_settings_for_another_url_are_a_value_error() -> None:
    settings = s3_settings_from_environment("s3://bucket/a", CREDENTIALS, {})
    for url in ("s3://bucket", "s3://bucket/b", "s3://other/a"):
        with pytest.raises(ValueError, match="settings"):
            await open_bucket(url, settings)


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://b.u-ck3t/a/b/", "b.u-ck3t", "a/b"),
    ],
)
async def test_an_s3_url_names_a_bucket_and_a_prefix(url: str, bucket: str, prefix: str) -> None:
    settings = s3_settings_from_environment(url, CREDENTIALS, {})
    assert (settings.bucket, settings.prefix) == (bucket, prefix)
    opened = await open_bucket(url, settings)
    assert opened.url == url.rstrip("/")
    await opened.close()


def test_settings_come_from_the_usual_variables() -> None:
    environ = {
        **CREDENTIALS,
        "AWS_SESSION_TOKEN": "token",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "us-west-1",
        "AWS_ENDPOINT_URL": "http://any:9000",
        "AWS_ENDPOINT_URL_S3": "http://s3:9000",
    }
    assert s3_settings_from_environment("s3://bucket", environ, {}) == S3Settings(
        bucket="bucket",
        endpoint_url="http://s3:9000",
        region="eu-west-1",
        access_key_id="id",
        secret_access_key="secret",
        session_token="token",
    )


def test_the_second_names_are_used_where_the_first_are_absent_or_empty() -> None:
    environ = {
        "AWS_REGION": "",
        "AWS_DEFAULT_REGION": "us-west-1",
        "AWS_ENDPOINT_URL": "http://any:9000",
    }
    settings = s3_settings_from_environment("s3://bucket", environ, {})
    assert (settings.region, settings.endpoint_url) == ("us-west-1", "http://any:9000")
    assert settings.access_key_id is None
    assert s3_settings_from_environment("s3://bucket", {}, {}).region is None


def test_secrets_win_over_the_environment() -> None:
    secrets = {"aws_access_key_id": "better id", "aws_secret_access_key": "better secret"}
    settings = s3_settings_from_environment("s3://bucket", CREDENTIALS, secrets)
    assert (settings.access_key_id, settings.secret_access_key) == ("better id", "better secret")


def test_a_token_of_the_environment_belongs_to_its_key_alone() -> None:
    environ = {**CREDENTIALS, "AWS_SESSION_TOKEN": "token"}
    secrets = {"aws_access_key_id": "better id", "aws_secret_access_key": "better secret"}
    assert s3_settings_from_environment("s3://bucket", environ, secrets).session_token is None
    secrets["aws_session_token"] = "better token"
    settings = s3_settings_from_environment("s3://bucket", environ, secrets)
    assert settings.session_token == "better token"


def test_settings_never_show_a_secret() -> None:
    settings = S3Settings(
        bucket="b", access_key_id="id", secret_access_key="hidden-1", session_token="hidden-2"
    )
    for text in (repr(settings), str(settings), f"{settings}", repr([settings])):
        assert "hidden" not in text
        assert "id" in text


@pytest.mark.parametrize(
    "endpoint",
    ["host:9000", "ftp://host", "http://", "http://user:hidden@host", "http://host/?key=hidden"],
)
def test_an_endpoint_that_is_no_plain_url_is_refused_without_being_shown(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint") as caught:
        S3Settings(bucket="b", endpoint_url=endpoint)
    assert "hidden" not in str(caught.value)


def test_half_of_a_credential_is_refused() -> None:
    with pytest.raises(ValueError, match="both"):
        S3Settings(bucket="b", access_key_id="id")
