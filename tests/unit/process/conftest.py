"""A fork server of the test's own, which has imported nothing beforehand."""

from collections.abc import AsyncIterator

import pytest

from lakehouse.process.forking.fork_server import ForkServer


@pytest.fixture
async def forks() -> AsyncIterator[ForkServer]:
    server = ForkServer(())
    yield server
    await server.close()
