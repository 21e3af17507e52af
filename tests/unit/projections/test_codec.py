"""A state as bytes: canonical, whole, and refused when damaged."""

import msgspec
import pytest
from builders import EMPTY, given, item, registered, schema, stored

from journal.event_records import Object, Replacement
from journal.events import DatasetRewritten
from lakehouse.domain.rules.datasets import dataset_id
from projections.codec import StateDamaged, decode_state, encode_state
from projections.fold import STATE_VERSION

STATE = given(stored("a"), registered("w", item("p"), schema=schema(x="int64")), stored("b"))
BODY = b"".join(encode_state(STATE))


def test_the_empty_state_survives() -> None:
    assert decode_state(b"".join(encode_state(EMPTY))) == EMPTY


@pytest.mark.parametrize(
    "body",
    [b"", BODY[:-1], BODY[:-30], BODY + b"\n", BODY.replace(b'"catalog"', b'"zatalog"'), b"{}"],
)
def test_what_is_no_state_is_refused(body: bytes) -> None:
    with pytest.raises(StateDamaged):
        decode_state(body)


def test_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(StateDamaged, match="version 99"):
        decode_state(BODY.replace(b'["state",%d' % STATE_VERSION, b'["state",99'))


def test_pairs_stand_in_the_order_of_their_keys() -> None:
    one = given(stored("a"), stored("b"))
    assert [line for line in encode_state(one) if b"tester" in line] == []
    keys = [line for line in encode_state(one) if line.startswith((b'["a"', b'["b"'))]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BODY + b"\n", "it does not end where it says"),
        (BODY[:-1], "it does not end where it says"),
        (b"", "cut short"),
        (
            BODY.replace(b'"catalog"', b'"zatalog"'),
            "zatalog.datasets where catalog.datasets belongs",
        ),
        (
            BODY.replace(b'["state",%d' % STATE_VERSION, b'["state",99'),
            f"a state of version 99; this is version {STATE_VERSION}",
        ),
    ],
)
def test_damage_is_named(body: bytes, reason: str) -> None:
    with pytest.raises(StateDamaged) as caught:
        decode_state(body)
    assert str(caught.value) == reason


def test_a_decoded_state_holds_each_blob_once() -> None:
    held = decode_state(BODY).inventory
    (name,) = held.references
    assert held.blobs[name].blob is name
    assert held.blobs[name].key is name
    assert held.keys[name] is name


def test_an_object_whose_key_is_its_blob_holds_it_once() -> None:
    body = msgspec.json.encode(item("p"))
    found = msgspec.json.decode(body, type=Object)
    assert found == item("p") and found.key is found.blob
    other = msgspec.json.decode(msgspec.json.encode(item("p", own_key=False)), type=Object)
    assert other.key == "p"


def test_what_an_object_was_compacted_from_is_held_once() -> None:
    was, now = item("p"), item("q")
    replaced = (Replacement((was.blob,), (now,), 0, 0, (5,)),)
    rewritten = DatasetRewritten(dataset_id("w"), "w", "compact", "f1", None, replaced, 5)
    state = given(registered("w", was), rewritten)
    (of,) = state.inventory.rewrites[now.blob].of
    assert of is state.inventory.blobs[was.blob].blob
