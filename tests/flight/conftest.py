"""A server with Flight SQL for each module that only adds to it; what it logs as a bug fails the test."""

from collections.abc import Iterator

import pytest
from lake_server import Lake, running_lake
from server_logs import captured_logs
from structlog.testing import LogCapture


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """With the dataset `sales` (events 1 and 2: 2 and 3 rows) and the view `cheap`."""
    bucket = tmp_path_factory.mktemp("lake") / "bucket"
    with running_lake(bucket, flight_port=0, drain_s=2.0) as server:
        assert server.ingest("name=sales", b"id,item,price\n1,tea,2.5\n2,jam,4.0\n").status == 200
        assert server.ingest("name=sales&mode=append", b"id,item,price\n3,oil,9.9\n").status == 200
        view = {"sql": "SELECT id, item FROM sales WHERE price < 5"}
        assert server.ask("PUT", "/v1/catalog/view/cheap", view).status == 200
        yield server


@pytest.fixture(autouse=True)
def logged() -> Iterator[LogCapture]:
    """What is logged during one test. A bug fails it, unless the test clears the entries."""
    with captured_logs() as log:
        yield log
