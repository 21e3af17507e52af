"""A bound on concurrent calls; a call beyond it is refused immediately."""

from collections.abc import Iterator
from contextlib import contextmanager

from lakehouse.domain.counts import counted
from lakehouse.domain.errors import Refused, RefusedError


class Limiter:
    """Allows `limit` concurrent calls, each of which `noun` names. For one event loop."""

    def __init__(self, limit: int, noun: str, retry_after_s: int) -> None:
        self.limit = limit
        self._noun = noun
        self._retry_after_s = retry_after_s
        self.inside = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Count as one call in progress for as long as the context lasts. Raises RefusedError `busy`."""
        if self.inside >= self.limit:
            detail = f"{counted(self.inside, self._noun)} in progress, which is the limit"
            raise RefusedError(Refused("busy", detail, retry_after_s=self._retry_after_s))
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1
