"""Real processes on real buckets: each test runs once on a directory and once on S3."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from places import Place, Start
from process import Lakehouse
from s3_server import REGION, S3Server, free_ports

LOG_CHARACTERS = 8_000
QUERY_WORKERS = 1
"""Unless a test asks for more: by default a start waits for three processes that run SQL."""


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "local":
        return Place(str(tmp_path / "bucket"), {})
    server: S3Server = request.getfixturevalue("s3_server")
    environ = {
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": server.access_key,
        "AWS_SECRET_ACCESS_KEY": server.secret_key,
    }
    return Place(f"s3://{server.make_bucket()}/lake", environ)


@pytest.fixture
def start(place: Place, tmp_path: Path) -> Iterator[Start]:
    """Starts a process on the place's bucket, or another, with settings: `start(SPOOL_DIR="/x")`."""
    started: list[Lakehouse] = []

    def start_one(bucket: str | None = None, **settings: object) -> Lakehouse:
        wanted = {"QUERY_WORKERS": QUERY_WORKERS} | settings
        environ = {f"LAKEHOUSE_{name}": str(value) for name, value in wanted.items()}
        directory = tmp_path / f"process-{len(started)}"
        directory.mkdir()
        log = directory / "log"
        one = Lakehouse(bucket or place.bucket, free_ports(1), log, place.environ | environ)
        started.append(one)
        one.start()
        return one

    yield start_one
    for number, one in enumerate(started):
        one.close()
        # Shown by pytest when the test has failed, and only then.
        print(f"--- log of process {number}\n{one.log()[-LOG_CHARACTERS:]}")


@pytest.fixture
def lakehouse(start: Start) -> Lakehouse:
    """One process, ready."""
    return start()
