"""The doctor on real stores: all promises hold, a live lake stays as it is, nothing is left."""

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest
from s3_server import S3Server

from lakehouse.cli.main import main

PROMISES = [
    "clock", "create_if_absent", "one_winner", "taken_is_412", "absent_is_404",
    "read_after_write", "ranges", "list_after_write", "ordered_list", "list_from_a_point",
]  # fmt: skip


class Place:
    """A bucket as a stranger sees it: every object's bytes, without our code."""

    def __init__(self, url: str, server: S3Server | None, directory: Path) -> None:
        self.url, self._server, self._directory = url, server, directory

    def bodies(self) -> dict[str, bytes]:
        if self._server is not None:
            return self._on_s3(self._server)
        paths = [path for path in self._directory.rglob("*") if stat.S_ISREG(path.lstat().st_mode)]
        return {str(path.relative_to(self._directory)): path.read_bytes() for path in paths}

    def _on_s3(self, server: S3Server) -> dict[str, bytes]:
        name = self.url.split("/")[2]
        with server.client() as client:
            found = client.list_objects_v2(Bucket=name).get("Contents", [])
            return {
                each["Key"]: client.get_object(Bucket=name, Key=each["Key"])["Body"].read()
                for each in found
            }


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("LAKEHOUSE_", "AWS_"))]:
        monkeypatch.delenv(name)
    if request.param == "local":
        return Place(str(tmp_path / "bucket"), None, tmp_path / "bucket")
    server: S3Server = request.getfixturevalue("s3_server")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_key)
    return Place(f"s3://{server.make_bucket()}/some/prefix", server, tmp_path)


def expected(place: Place) -> list[str]:
    """moto checks no signature, and the doctor would rightly say so."""
    return PROMISES if place._server is None else [*PROMISES, "credentials"]


def test_every_promise_holds_in_a_live_lake_which_stays_as_it_was(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    if place._server is not None and place._server.kind == "moto":
        pytest.skip("moto checks no signature, so its credentials promise is broken")
    Path("t.csv").write_text("a\n1\n")
    assert main(["ingest", "t.csv", "--name", "t", "--bucket", place.url]) == 0
    before = place.bodies()
    capsys.readouterr()

    assert main(["doctor", "--bucket", place.url]) == 0
    out, err = capsys.readouterr()
    lines = [line.split(": ", 2) for line in out.splitlines()]
    assert [promise for promise, _, _ in lines] == expected(place)
    assert {verdict for _, verdict, _ in lines} == {"holds"}
    assert err == ""
    assert place.bodies() == before
    assert before, "there was a lake"


def test_json_is_a_document_a_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--bucket", place.url, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["promise"] for row in rows] == expected(place)
    assert code == (0 if all(row["verdict"] == "holds" for row in rows) else 4)
    assert rows[0].keys() == {"promise", "verdict", "why", "code"}
    assert place.bodies() == {}, "no lake is begun, and nothing is left"


@pytest.mark.parametrize("place", ["s3"], indirect=True)
def test_a_secret_that_the_store_refuses_ends_with_3(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if place._server is not None and place._server.kind == "moto":
        pytest.skip("moto takes any secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t-v4lue")
    assert main(["doctor", "--bucket", place.url]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("clock: could not be judged: ")
    assert "bucket_refused" in err
    assert "s3cr3t-v4lue" not in out + err


def test_a_store_that_nobody_answers_for_ends_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.setenv(f"AWS_{name}", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert main(["doctor", "--bucket", "s3://some-bucket", "--json"]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"] == "unjudged"
    assert json.loads(err)["code"] == "bucket_unavailable"


def test_a_store_that_ignores_conditions_is_refused_before_a_lake_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both commands, from their words to their exit codes."""
    from journal.bucket.memory import MemoryBucket

    class IgnoresConditions(MemoryBucket):
        async def create(self, key: str, body: bytes):  # type: ignore[no-untyped-def]
            self._objects.pop(key, None)
            return await super().create(key, body)

    bucket = IgnoresConditions()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lakehouse.wiring.open_bucket", lambda *_: asyncio.sleep(0, bucket))
    assert main(["doctor", "--bucket", "memory://"]) == 4
    out, err = capsys.readouterr()
    assert "create_if_absent: does not hold" in out
    assert "store_unfit" in err
    assert "could not be removed" in err, "memory has no removal, and says so"
    assert main(["serve", "--bucket", "memory://", "--port", "0"]) == 4
    assert "store_unfit" in capsys.readouterr().err
    assert "_journal/lake.json" not in bucket._objects
