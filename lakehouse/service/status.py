"""The status of this process: whether it can serve, and its metrics."""

import asyncio

from lakehouse.api.status import Health, Ready
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.metrics import CONTENT_TYPE, Metrics
from lakehouse.service.caller import Caller

READY_S = 5.0
METRICS_TYPE = CONTENT_TYPE
"""The media type of the metrics."""


class Status:
    """How one process does."""

    def __init__(self, node: Node, metrics: Metrics) -> None:
        self._node = node
        self._metrics = metrics

    def health(self, caller: Caller, name: str) -> Health:
        """The process's name, without reading anything: it shows that the process runs."""
        return Health(service=name)

    async def ready(self, caller: Caller) -> Versioned[Ready]:
        """Read the journal's end now.

        Raises RefusedError with the cause if this node cannot serve.
        """
        try:
            async with asyncio.timeout(READY_S):
                await self._node.refresh(verify=True)
        except TimeoutError as error:
            detail = f"no answer within {READY_S:.0f} seconds"
            raise RefusedError(Refused("bucket_unavailable", detail)) from error
        if refused := self._node.writer.fault or self._node.lag_error:
            raise RefusedError(refused)
        seq = self._node.state.head.seq
        return Versioned(Ready("ready", seq), seq)

    def fault(self, caller: Caller) -> Refused | None:
        """Why this process refuses changes, or does not read the journal; None if it does both."""
        return self._node.writer.fault or self._node.lag_error

    def metrics(self, caller: Caller) -> bytes:
        """All metrics as text, in Prometheus's format."""
        return self._metrics.text()
