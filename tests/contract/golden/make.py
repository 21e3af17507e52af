"""Makes a golden journal, once: `python tests/contract/golden/make.py v1`. Never run over an old one.

All of them together have every event type, several per slot, keys and reasons, non-ASCII text, a
dropped and a restored dataset, a collected object: what a version of the format can say. The bytes
are kept for ever; what a later event type says gets a journal of its own.
"""

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import msgspec
from builders import EMPTY, LAKE_BODY, event, slot_body
from catalog_facts import access, block_hashes, change_sets, definitions, facts, stores
from row_facts import compactions, derivations, erasures, merged_derivations, rewritten, streams
from source_facts import sources

from journal.access_events import GrantPut
from journal.event_parts import line_after
from journal.events import Data, Event
from journal.slot import decode_slot
from projections.codec import state_root
from projections.fold import STATE_VERSION, fold

HERE = Path(__file__).parent

FACTS: dict[str, Callable[[], list[list[Data]]]] = {
    "v1": facts,
    "v1-access": access,
    "v1-change-sets": change_sets,
    "v1-definitions": definitions,
    "v1-rewritten": rewritten,
    "v1-stores": stores,
    "v2-block-hashes": block_hashes,
    "v2-derivations": derivations,
    "v2-compactions": compactions,
    "v2-merged-derivations": merged_derivations,
    "v1-erasures": erasures,
    "v1-streams": streams,
    "v2-sources": sources,
}


def keyed(fact: Event) -> Event:
    """Every third event has a key, a reason, and another actor; a grant is made for another. The groups of
    a stream have one key."""
    if line_after(fact.data):
        return msgspec.structs.replace(fact, key="stream", request="d" * 64)
    if isinstance(fact.data, GrantPut):
        fact = msgspec.structs.replace(fact, on_behalf_of="zoë")
    if fact.seq % 3:
        return fact
    return msgspec.structs.replace(
        fact, key=f"key-{fact.seq}", request="c" * 64, actor="jörg@host", reason='weil\'s "so" ist'
    )


def main(version: str) -> None:
    """Write the slots, the lake and what they fold to."""
    target = HERE / version
    target.mkdir()
    (target / "lake.json").write_bytes(LAKE_BODY)
    state = EMPTY
    for position, group in enumerate(FACTS[version](), 1):
        running, events = state, []
        for fact in group:
            made = keyed(event(running, fact))
            events.append(made)
            running = fold(state, decode_slot(slot_body(state, *events), position))
        body = slot_body(state, *events, commit=f"0193aaaa-0000-7000-8000-{position:012d}")
        (target / f"{position:020d}.ndjson").write_bytes(body)
        state = fold(state, decode_slot(body, position))
    expected = {
        "seq": state.head.seq,
        "sha256": state.head.sha256,
        "state_root": state_root(state),
        "state_version": STATE_VERSION,
    }
    (target / "expected.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(expected)) + b"\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
