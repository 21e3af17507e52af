"""The S3 server that the tests get: refused in CI when it is only moto, and one winner a key."""

import shutil
from pathlib import Path

import pytest
import s3_server
from s3_server import running_s3_server


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_server, "_has_docker", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda _: None)


@pytest.mark.usefixtures("nothing_installed")
def test_ci_is_not_content_with_moto(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="CI needs a real S3 server"),
        running_s3_server(tmp_path, {"CI": "true"}),
    ):
        pass


@pytest.mark.usefixtures("nothing_installed")
def test_elsewhere_moto_stands_in_and_lets_one_writer_win(tmp_path: Path) -> None:
    with running_s3_server(tmp_path, {}) as server:
        assert server.kind == "moto"
        s3_server._expect_one_winner(server)


def test_a_named_endpoint_comes_first(tmp_path: Path) -> None:
    named = {"ENDPOINT": "http://named:9000", "ACCESS_KEY": "id", "SECRET_KEY": "secret"}
    environ = {f"LAKEHOUSE_TEST_S3_{name}": value for name, value in named.items()}
    with running_s3_server(tmp_path, environ) as server:
        assert (server.kind, server.endpoint_url) == ("environment", "http://named:9000")
        assert (server.access_key, server.secret_key) == ("id", "secret")
