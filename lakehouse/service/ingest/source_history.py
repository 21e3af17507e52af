"""Where a restored dataset's rows came from: its event names one source at most, the journal all of them."""

import msgspec

from journal.events import DatasetRestored
from lakehouse.commit.node import Node
from lakehouse.domain.commands import IngestDataset
from projections import catalog
from projections.catalog import Dataset, Ingested


async def with_source_history(node: Node, command: IngestDataset) -> IngestDataset:
    """The command, with the sources that `dedupe` compares and a restored dataset does not name."""
    live = catalog.find(node.state.catalog, command.name)
    seq = catalog.unnamed(live) if live is not None and command.dedupe else None
    if live is None or seq in (None, command.earlier_at):
        return command
    earlier = await _earlier(node, live)
    return msgspec.structs.replace(command, earlier=earlier, earlier_at=seq)


async def _earlier(node: Node, dataset: Dataset) -> tuple[Ingested, ...]:
    """The sources behind a dataset's unnamed one; none where its objects were registered."""
    found: tuple[Ingested, ...] = ()
    then: Dataset | None = dataset
    while then is not None and (seq := catalog.unnamed(then)) is not None:
        _, event = await node.past.event(seq)
        if not isinstance(event.data, DatasetRestored):
            break
        state = await node.past.state_at(event.data.as_of_seq)
        then = catalog.find(state.catalog, event.data.name)
        found = (then.sources if then is not None else ()) + found
    return found
