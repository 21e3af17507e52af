"""Journals of every version of the format, kept as bytes and read for ever.

A root that changes here means that the fold makes something else of the same facts: then the
state version must rise with it, so that nobody trusts an older checkpoint.
"""

import json
from pathlib import Path

import pytest
from builders import FakeClock, chance

from journal.bucket import keys
from journal.bucket.memory import MemoryBucket
from journal.events import TYPES
from journal.log import open_journal
from journal.slot import decode_slot, encode_events
from journal.verify import verify
from projections.codec import state_root
from projections.fold import STATE_VERSION
from projections.states.follower import Follower

HERE = Path(__file__).parent / "golden"
GOLDEN = sorted(path.parent for path in HERE.glob("*/lake.json"))


async def bucket_with(journal: Path) -> MemoryBucket:
    bucket = MemoryBucket()
    await bucket.create(keys.LAKE, (journal / "lake.json").read_bytes())
    for path in journal.glob("*.ndjson"):
        await bucket.create(keys.SLOTS + path.name, path.read_bytes())
    return bucket


def test_there_are_journals_of_each_version() -> None:
    named = ["v1", "v1-access", "v1-change-sets", "v1-definitions", "v1-erasures"]
    named += ["v1-rewritten", "v1-stores", "v1-streams", "v2-block-hashes", "v2-compactions"]
    named += ["v2-derivations"]
    named += ["v2-merged-derivations", "v2-sources"]
    assert [path.name for path in GOLDEN] == named


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
async def test_it_reads_verifies_and_folds_to_what_it_always_did(golden: Path) -> None:
    journal = await open_journal(await bucket_with(golden), FakeClock(), chance())
    expected = json.loads((golden / "expected.json").read_text())
    heads = [head async for head in verify(journal)]
    state = await Follower(journal).catch_up()
    assert heads[-1] == state.head
    assert expected["state_version"] == STATE_VERSION
    assert {name: expected[name] for name in ("seq", "sha256", "state_root")} == {
        "seq": state.head.seq,
        "sha256": state.head.sha256,
        "state_root": state_root(state),
    }


def test_together_they_say_everything_that_their_version_can_say() -> None:
    slots = [
        decode_slot(path.read_bytes(), n)
        for golden in GOLDEN
        for n, path in enumerate(sorted(golden.glob("*.ndjson")), 1)
    ]
    assert {event.type for slot in slots for event in slot.events} == {each.TYPE for each in TYPES}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.name)
def test_each_is_written_today_as_it_always_was(golden: Path) -> None:
    for position, path in enumerate(sorted(golden.glob("*.ndjson")), 1):
        slot = decode_slot(path.read_bytes(), position)
        assert encode_events(slot.header, slot.events) == path.read_bytes()
