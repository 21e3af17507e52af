"""Several changes as one event: collected here, made together when the block ends without an error."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lakehouse.api.catalog.change_sets import TransactionReceipt
from lakehouse.api.ingest.answers import StagedIngest
from lakehouse.client import parameters, request
from lakehouse.client.parameters import AsOf

if TYPE_CHECKING:
    from lakehouse.client.lake import Lake


class Changes:
    """What a transaction will change, in order."""

    def __init__(self, lake: "Lake", reason: str | None = None) -> None:
        self.lake = lake
        self._reason = reason
        self._changes: list[dict[str, Any]] = []
        self._expected: dict[str, int | None] = {}
        self.receipt: TransactionReceipt | None = None
        """What was done; None before the end, and where there was nothing to do."""

    def drop(self, name: str) -> None:
        """Drop a dataset."""
        self._changes.append({"op": "drop", "name": name})

    def rename(self, name: str, to: str) -> None:
        """Rename a dataset."""
        self._changes.append({"op": "rename", "name": name, "to": to})

    def swap(self, a: str, b: str) -> None:
        """Exchange the names of two datasets."""
        self._changes.append({"op": "swap", "a": a, "b": b})

    def restore(self, name: str, as_of: AsOf) -> None:
        """Restore a dataset to what it was at a moment."""
        moment = parameters.moment(as_of)
        self._changes.append({"op": "restore", "name": name, "as_of": moment})

    def put_view(self, name: str, **definition: Any) -> None:
        """Make or replace a view: `sql=…`, or `of=…`, `masks=…`, `rows=…`, `unmasked=…`."""
        self._changes.append({"op": "put_view", "name": name, **definition})

    def drop_view(self, name: str) -> None:
        """Drop a view."""
        self._changes.append({"op": "drop_view", "name": name})

    def expect(self, name: str, seq: int | None) -> None:
        """Make the changes only if the last event of a name is this one (None: it is absent)."""
        self._expected[name] = seq

    def commit_staged(self, staged: StagedIngest) -> StagedIngest:
        """Commit what `Lake.stage` uploaded."""
        self._changes.append({"op": "commit", "staged": staged.staged})
        return staged

    def commit(self) -> None:
        """Make all changes, if there are any. Raises Error."""
        if self._changes:
            body = {"changes": self._changes, "expect": self._expected or None}
            asked = request.change("POST", "/v1/catalog/transaction", body, self._reason)
            self.receipt = self.lake.http.json(asked, TransactionReceipt)


class Transaction(Changes):
    """A context manager. Nothing is changed before its end, and nothing if an error leaves it."""

    def ingest(self, data: Any, name: str, **options: Any) -> StagedIngest:
        """Upload a file, table or rows; they are in the dataset at the end. As `Lake.ingest`."""
        return self.commit_staged(self.lake.stage(data, name, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.commit()
