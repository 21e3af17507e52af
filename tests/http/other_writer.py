"""Slots that another process writes into the bucket of a running lake."""

from datetime import UTC, datetime

from lake_server import Lake

from journal.events import VERSION, Data, Event
from journal.slot import FORMAT, Header, encode_events, next_at
from projections import history


def append_slot(lake: Lake, data: Data, min_reader: int = FORMAT) -> None:
    """Write the next slot as another node would."""
    state = lake.service.node.state
    head = state.head
    about = history.about(state.history, data)
    event = Event(
        head.seq + 1, data.TYPE, VERSION, "c", None, None, "other", None, None, about, data
    )
    at = next_at(datetime.now(UTC), head.at)
    lake_id = lake.service.node.follower.journal.lake.lake
    header = Header(
        FORMAT, min_reader, lake_id, head.position + 1, head.sha256, "c", "w-other", at,
        head.seq + 1, 1,
    )  # fmt: skip
    path = lake.bucket / f"_journal/slots/{head.position + 1:020d}.ndjson"
    path.write_bytes(encode_events(header, (event,)))
