"""The command line on an S3 store: credentials from a profile, a missing bucket."""

import json
import os
from pathlib import Path

import pytest
from command_line import CommandLine, csv
from s3_server import REGION, S3Server

from lakehouse.cli.main import main


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """The URL of a lake in a new bucket, made with the server's own credentials."""
    return f"s3://{s3_server.make_bucket()}/lake"


@pytest.fixture
def profile(
    elsewhere: None, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials in a profile of the shared files, and no AWS variables but the endpoint's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "credentials").write_text(
        f"[lake]\naws_access_key_id = {s3_server.access_key}\n"
        f"aws_secret_access_key = {s3_server.secret_key}\n"
    )
    (tmp_path / "config").write_text(f"[profile lake]\nregion = {REGION}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "lake")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_server.endpoint_url)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    "words",
    [
        ("datasets",),
        ("journal", "verify"),
        ("ingest", "t.csv"),
        ("serve", "--port", "0", "--log-level", "error"),
        ("journal", "export", "copy"),
    ],
    ids=" ".join,
)
def test_a_missing_bucket_is_named_and_nothing_to_retry(
    lakehouse: CommandLine, words: tuple[str, ...]
) -> None:
    csv("a\n1\n")
    refused = json.loads(
        lakehouse(*words, "--bucket", "s3://no-such-bucket/lake", "--json", code=1)
    )
    assert refused["code"] == "bucket_not_found"
    assert "no-such-bucket" in refused["detail"]


@pytest.mark.usefixtures("profile")
def test_the_doctor_names_a_missing_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--bucket", "s3://no-such-bucket/lake", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["code"] == "bucket_not_found"


@pytest.mark.usefixtures("bucket", "profile")
def test_a_profile_s_credentials_reach_the_store(
    lakehouse: CommandLine, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "lake_not_found" in lakehouse("datasets", "--bucket", bucket, code=1)
    lakehouse("ingest", csv("a\n1\n"), "--bucket", bucket)
    assert "t" in lakehouse("datasets", "--bucket", bucket)
    assert (
        json.loads(lakehouse("journal", "verify", "--objects", "--json", "--bucket", bucket))["seq"]
        == 1
    )
    assert lakehouse("sql", "SELECT a FROM t", "--format", "csv", "--bucket", bucket) == "a\n1\n"
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "profile (absent)" in lakehouse("datasets", "--bucket", bucket, code=2)
    monkeypatch.delenv("AWS_PROFILE")
    assert "AWS_PROFILE" in lakehouse("datasets", "--bucket", bucket, code=2)
