"""Slots: their bytes are what FORMAT.md says, and nothing that differs passes."""

from datetime import UTC, datetime

import pytest
from builders import (
    BEGAN,
    EMPTY,
    LAKE,
    LAKE_BODY,
    ORIGIN,
    blob,
    change_set,
    item,
    registered,
    sha,
    slot,
    slot_body,
    stored,
)
from hypothesis import given as assume_given
from hypothesis import strategies as st

from journal.event_parts import names_of
from journal.slot import (
    JournalCorrupt,
    SealedSlot,
    UpgradeRequired,
    check_link,
    decode_lake,
    decode_slot,
    envelopes,
    event_in,
    expect_same,
    format_at,
    next_at,
    parse_at,
    seal_slot,
    sha256_hex,
)
from projections.fold import fold

BODY = slot_body(EMPTY, stored("a"), registered("Workers", item("b")))


def test_the_bytes_are_those_of_the_format() -> None:
    first, second, third, rest = BODY.split(b"\n")
    assert rest == b""
    assert first == (
        b'{"slot":1,"min_reader":1,"lake":"%s","position":1,"prev":"%s","commit":"c",'
        b'"writer":"w-test","at":"2026-01-01T00:00:01.000000Z","first_seq":1,"events":2}'
        % (LAKE.lake.encode(), sha256_hex(LAKE_BODY).encode())
    )
    assert second.startswith(
        b'{"seq":1,"type":"object_stored","v":1,"command":"c","key":null,"request":null,'
        b'"actor":"tester","reason":null,"correlation":null,"about":[],"data":{"key":"a","blob":'
    )
    assert b'"about":[{"entity":"dataset:workers","prev":null}]' in third


def test_decoding_gives_back_what_was_encoded() -> None:
    read = decode_slot(BODY, 1)
    assert [event.seq for event in read.events] == [1, 2]
    assert read.sha256 == sha256_hex(BODY)
    assert read.head.seq == 2


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        (b'"position":1', b'"position":2', "header"),
        (b'"events":2', b'"events":3', "events"),
        (b'"seq":2', b'"seq":3', "seq"),
        (b'"first_seq":1', b'"first_seq":7', "seq"),
        (b'"size_bytes":10', b'"size_bytes":1.5', "decode"),
        (b'"size_bytes":10', b'"size_bytes":9007199254740992', "decode"),
        (b'"key":"a"', b'"key":"../a"', "component"),
        (b'"key":"a"', b'"key":"a\\n"', "control"),
        (b'"blob":"objects/', b'"blob":"/etc/', "blob"),
        (b'"key":null,"request":null', b'"key":"k","request":null', "both"),
        (b'00:00:01.000000Z', b'00:00:01Z', "time"),
        (b'"commit":"c"', b'"commit":"c","extra":1', "decode"),
        (b'"tester"', b'"\xff"', "decode"),
    ],
)  # fmt: skip
def test_a_changed_byte_is_named_as_damage(was: bytes, becomes: bytes, reason: str) -> None:
    assert was in BODY
    with pytest.raises(JournalCorrupt, match=reason):
        decode_slot(BODY.replace(was, becomes, 1), 1)


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n", BODY[:-1], BODY[:-40], BODY + b"\n", b"\0"])
def test_cut_or_foreign_bytes_are_damage(body: bytes) -> None:
    with pytest.raises(JournalCorrupt):
        decode_slot(body, 1)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"slot":1', b'"slot":2'),
        (b'"min_reader":1', b'"min_reader":2'),
        (b'"type":"object_stored"', b'"type":"object_painted"'),
        (b'"v":1', b'"v":2'),
    ],
)
def test_what_a_newer_version_wrote_asks_for_an_upgrade(was: bytes, becomes: bytes) -> None:
    with pytest.raises(UpgradeRequired):
        decode_slot(BODY.replace(was, becomes), 1)


def test_a_newer_header_with_unknown_fields_asks_for_an_upgrade_too() -> None:
    with pytest.raises(UpgradeRequired):
        decode_slot(b'{"slot":2,"min_reader":2,"new":true}\n{"what":"ever"}\n', 1)


def test_slots_are_joined_by_hash_position_seq_lake_and_time() -> None:
    first = slot(EMPTY, stored("a"))
    state = fold(EMPTY, first)
    check_link(ORIGIN, first, LAKE.lake)
    check_link(state.head, slot(state, stored("b")), LAKE.lake)
    for body, what in (
        (
            slot_body(state, stored("b")).replace(state.head.sha256.encode(), sha("z").encode()),
            "prev",
        ),
        (slot_body(state, stored("b")).replace(b'"lake":"0193', b'"lake":"0194'), "lake"),
        (slot_body(state, stored("b"), at="2026-01-01T00:00:01.000000Z"), "time"),
    ):
        with pytest.raises(JournalCorrupt, match=what):
            check_link(state.head, decode_slot(body, 2), LAKE.lake)
    with pytest.raises(JournalCorrupt, match="lake"):
        check_link(state.head, slot(state, stored("b")), "another")


def test_time_never_runs_backwards() -> None:
    assert next_at(BEGAN, "") == "2026-01-01T00:00:00.000000Z"
    assert next_at(BEGAN, "2026-01-01T00:00:00.000000Z") == "2026-01-01T00:00:00.000001Z"
    assert next_at(BEGAN, "2030-01-01T00:00:00.999999Z") == "2030-01-01T00:00:01.000000Z"


@assume_given(st.datetimes(min_value=datetime(1, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_times_are_written_in_one_way_and_sort_as_text(at: datetime) -> None:
    text = format_at(at)
    assert len(text) == 27
    assert parse_at(text) == at


@pytest.mark.parametrize("body", [b"", b"{}", b'{"lake":"x","format":1}', LAKE_BODY[:-3]])
def test_a_damaged_lake_is_damage_at_position_0(body: bytes) -> None:
    with pytest.raises(JournalCorrupt) as caught:
        decode_lake(body)
    assert caught.value.position == 0


def test_a_newer_lake_asks_for_an_upgrade() -> None:
    with pytest.raises(UpgradeRequired):
        decode_lake(LAKE_BODY.replace(b'"format":1', b'"format":2'))


def test_one_event_is_read_without_a_look_at_the_others() -> None:
    damaged = BODY.replace(b'"object_stored"', b'"object_st\xc3\xb6red"')
    sealed = seal_slot(damaged, 1)
    assert event_in(sealed, 2) == decode_slot(BODY, 1).events[1]
    with pytest.raises(UpgradeRequired, match="event 1"):
        event_in(sealed, 1)
    for seq in (0, 3):
        with pytest.raises(JournalCorrupt, match=f"does not hold event {seq}"):
            event_in(sealed, seq)


def test_an_event_is_found_however_its_line_is_spelled() -> None:
    spaced = BODY.replace(b'{"seq":2,', b'{"seq": 2,')
    assert event_in(seal_slot(spaced, 1), 2) == decode_slot(BODY, 1).events[1]
    cut = b"\n".join(spaced.split(b"\n")[:2]) + b"\n"
    with pytest.raises(JournalCorrupt, match="events: expected 2, seen 1"):
        event_in(seal_slot(cut, 1), 2)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"seq":2', b'"seq":3'),
        (b'"objects"', b'"things"'),
        (b'"key":"objects/', b'"key":"../'),
        (b'"blob":"objects/', b'"blob":"elsewhere/'),
    ],
)
def test_an_event_read_alone_is_checked_as_in_its_slot(was: bytes, becomes: bytes) -> None:
    with pytest.raises(JournalCorrupt):
        event_in(seal_slot(BODY.replace(was, becomes), 1), 2)


def test_a_sealed_slot_has_the_head_and_the_links_of_a_decoded_one() -> None:
    sealed = seal_slot(BODY, 1)
    assert sealed.head == decode_slot(BODY, 1).head
    check_link(ORIGIN, sealed, LAKE.lake)
    assert [each.seq for each in envelopes(sealed)] == [1, 2]
    with pytest.raises(JournalCorrupt, match="its prev"):
        check_link(sealed.head, seal_slot(slot_body(EMPTY, stored("b")), 1), LAKE.lake)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b'"seq":2', b'"seq":3'),
        (b'"seq":2', b'"seq":"2"'),
        (b'"key":null,"request":null', b'"key":"k","request":null'),
        (b'"about":[{', b'"about":[{"more":1,'),
    ],
)
def test_damage_around_the_data_of_an_event_is_found_without_reading_it(
    was: bytes, becomes: bytes
) -> None:
    with pytest.raises(JournalCorrupt):
        envelopes(seal_slot(BODY.replace(was, becomes), 1))


def test_bytes_that_are_no_text_are_damage_wherever_they_stand() -> None:
    with pytest.raises(JournalCorrupt, match="not UTF-8"):
        seal_slot(BODY.replace(b'"Workers"', b'"W\xffrkers"'), 1)


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        (b'"position":1', b'"position":2', "its header: expected 1, seen 2"),
        (
            b"2026-01-01T00:00:01.000000Z",
            b"2026-01-01T00:00:01Z",
            "its time is not a time: expected RFC 3339 in UTC, seen 2026-01-01T00:00:01Z",
        ),
        (b'"seq":1,', b'"seq":2,', "an event's seq: expected 1, seen 2"),
    ],
)
def test_damage_says_what_was_expected_and_what_was_seen(
    was: bytes, becomes: bytes, reason: str
) -> None:
    body = slot_body(EMPTY, stored("a"))
    assert was in body
    with pytest.raises(JournalCorrupt) as caught:
        decode_slot(body.replace(was, becomes), 1)
    assert str(caught.value) == f"slot 1: {reason}"
    assert caught.value.position == 1


def test_time_that_runs_backwards_is_named_with_both_times() -> None:
    first = slot(EMPTY, stored("a"), at="2026-01-01T00:00:02.000000Z")
    state = fold(EMPTY, first)
    second = slot(state, stored("b"), at="2026-01-01T00:00:01.000000Z")
    with pytest.raises(JournalCorrupt) as caught:
        check_link(state.head, second, LAKE.lake)
    assert str(caught.value) == (
        "slot 2: time runs backwards: expected after 2026-01-01T00:00:02.000000Z,"
        " seen 2026-01-01T00:00:01.000000Z"
    )


def test_one_of_many_events_is_read_by_its_line_alone() -> None:
    """The other lines are not split: of a thousand events that would cost most of the time."""
    body = slot_body(EMPTY, *(stored(str(number)) for number in range(3)))
    sealed = seal_slot(body, 1)
    damaged = SealedSlot(sealed.header, body.replace(b'\n{"seq":3', b'{"seq":3'))
    assert event_in(damaged, 1).data == stored("0")


def test_what_cannot_be_told_in_numbers_is_told_in_words() -> None:
    assert str(JournalCorrupt(7, "it is missing")) == "slot 7: it is missing"
    with pytest.raises(JournalCorrupt) as caught:
        decode_slot(slot_body(EMPTY), 1)
    assert str(caught.value) == "slot 1: it has no events"


def test_a_known_slot_that_reads_differently_is_named_with_both_hashes() -> None:
    first, other = slot(EMPTY, stored("a")), slot(EMPTY, stored("b"))
    expect_same(first.head, first)
    with pytest.raises(JournalCorrupt) as caught:
        expect_same(first.head, other)
    assert str(caught.value) == (
        f"slot 1: it reads differently: expected {first.sha256}, seen {other.sha256}"
    )


def test_a_newer_lake_is_named_at_position_0() -> None:
    with pytest.raises(UpgradeRequired) as caught:
        decode_lake(LAKE_BODY.replace(b'"format":1', b'"format":9'))
    assert (caught.value.position, caught.value.reason) == (
        0,
        "the lake's format is 9; this code reads 1",
    )


def test_a_change_set_names_the_keys_and_blobs_of_all_its_changes() -> None:
    names = names_of(change_set(stored("a"), registered("w", item("p")), stored("b")))
    assert names == (["a", "b"], [blob("a"), blob("p"), blob("b")])
