"""Fixtures that more than one folder of tests needs. Keep it small."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from lakehouse.process.imports import import_structlog

if TYPE_CHECKING:  # boto3 takes half a second; most runs need no S3 server
    from s3_server import Radosgw, S3Server

# How long an example took is no finding: other users of the machine decide it. CI asks the same
# questions each time, so that its answer is the commit's; every other run asks new ones.
settings.register_profile("lakehouse", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("lakehouse")

# With rich, structlog prints the local variables of each frame of a traceback: here whole states.
import_structlog()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["S3Server"]:
    """One S3 server for the whole run; `make_bucket()` gives each test its own bucket."""
    from s3_server import running_s3_server

    with running_s3_server(tmp_path_factory.mktemp("s3"), os.environ) as server:
        yield server


@pytest.fixture(scope="session")
def real_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the 22 real files of tests/data/README.md."""
    from real_files import collect

    directory = tmp_path_factory.mktemp("real-files")
    collect(directory)
    return directory


@pytest.fixture(scope="session")
def issuing_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Radosgw"]:
    """An S3 server that also has users, roles and STS."""
    yield from _radosgw(tmp_path_factory.mktemp("issuing"), "memstore")


@pytest.fixture
def crashable_s3(tmp_path: Path) -> Iterator["Radosgw"]:
    """An S3 server of the test's own, to `kill` and `start` again on the same data."""
    yield from _radosgw(tmp_path, "bluestore")


def _radosgw(directory: Path, store: str) -> Iterator["Radosgw"]:
    if shutil.which("radosgw") is None:
        if os.environ.get("CI"):
            pytest.fail("CI needs radosgw for this test: ceph-mon ceph-osd radosgw ceph-common")
        pytest.skip("radosgw is not installed, and nothing else here will do")
    from s3_server import Radosgw

    gateway = Radosgw(directory / "radosgw", store)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.kill()
