"""Malformed messages: a clean refusal each, without a bug or a traceback, and the server lives."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.flight as fl
import pytest
from flight_client import Raw, metadata, prepared, statement
from hypothesis import given
from hypothesis import strategies as st
from lake_server import Lake

from lakehouse.domain.errors import RefusedError
from lakehouse.flight.commands import (
    MESSAGE_BYTES,
    Unsupported,
    cancelled_tickets,
    pack,
    parse_command,
)
from lakehouse.flight.tickets import Prepared, Ticket, decode_prepared, decode_ticket, encode
from lakehouse.flight.wire import Fields, length_field, number_field, signed32

TICKET = pack("TicketStatementQuery", length_field(1, encode(Ticket("SELECT 1 AS a", "q-1"))))
HANDLE = encode(Prepared("SELECT ? AS a", ("1",)))
MESSAGES = (
    statement("SELECT 1 AS a"),
    prepared(HANDLE),
    TICKET,
    metadata("CommandGetTables", f1="lake", f2="main", f3="%", f4="TABLE") + number_field(5, 1),
    pack("CommandGetSqlInfo", length_field(1, bytes((0, 1, 200, 1)))),
    pack("CommandGetXdbcTypeInfo", number_field(1, (1 << 64) - 5)),
    pack("ActionCreatePreparedStatementRequest", length_field(1, b"SELECT ?")),
    pack("ActionCancelQueryRequest", length_field(1, length_field(3, length_field(1, TICKET)))),
)
HOSTILE = (
    b"",
    b"\xff" * 40,
    length_field(1, b"type.googleapis.com/arrow.flight.protocol.sql.") + length_field(2, b""),
    length_field(1, b"type.googleapis.com/google.protobuf.Empty"),
    pack("CommandStatementQuery", length_field(1, b"\xff\xfe")),
    pack("CommandStatementQuery", number_field(1, 7)),
    pack("CommandGetTables", b"\x0a\xff\xff\xff\xff\x0f"),
    pack("TicketStatementQuery", length_field(1, b"[1]")),
    pack("TicketStatementQuery", length_field(1, b'["SELECT 1", "bad id!"]')),
    pack("TicketStatementQuery", length_field(1, b'["SELECT 1", "q", {"a": [1]}]')),
    pack("TicketStatementQuery", length_field(1, b'["SELECT ?", "q", [{"$type": 1, "value": 2}]]')),
    pack("CommandPreparedStatementQuery", length_field(1, b"[[]]")),
    statement("x" * (MESSAGE_BYTES + 1)),
    b"\x0b" + statement("SELECT 1"),  # a group
)
CLEAN = (pa.ArrowInvalid, pa.ArrowKeyError, NotImplementedError, fl.FlightUnauthorizedError)


@pytest.fixture(scope="module")
def raw(lake: Lake) -> Iterator[Raw]:
    with Raw(lake.flight_port) as client:
        yield client


def ways(raw: Raw) -> tuple[Callable[[bytes], Any], ...]:
    row = pa.record_batch([pa.array([1])], ["1"])
    return (
        raw.info,
        raw.schema,
        lambda message: raw.client.do_get(fl.Ticket(message), raw.options).read_all(),
        lambda message: raw.put(message, row),
        *(
            lambda message, name=name: raw.act(name, message)
            for name in (
                *("CreatePreparedStatement", "ClosePreparedStatement"),
                *("CancelFlightInfo", "CancelQuery", "BeginTransaction"),
            )
        ),
    )


def refused_cleanly(ask: Callable[[bytes], Any], message: bytes) -> None:
    """The answer may be one: a mutated message can be a valid one."""
    try:
        ask(message)
    except (pa.ArrowException, NotImplementedError, OSError) as error:
        text = str(error)
        assert "Traceback" not in text and "internal_error" not in text, (message, text)
        assert isinstance(error, CLEAN) or "Detail: Unauthorized" in text, (message, error)


@pytest.mark.parametrize("message", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_message_is_refused_everywhere(raw: Raw, message: bytes) -> None:
    for ask in ways(raw):
        refused_cleanly(ask, message)
    with pytest.raises(CLEAN):
        raw.table(message)
    assert raw.table(statement("SELECT 1 AS a")).num_rows == 1


def test_mutated_messages(raw: Raw) -> None:
    chance = random.Random(seed := random.SystemRandom().randrange(2**32))
    print("seed", seed)
    asked = ways(raw)
    for _ in range(250):
        message = bytearray(chance.choice(MESSAGES))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(message) + 1)
            kind = chance.randrange(3)
            if kind == 0:
                message[place:place] = chance.randbytes(chance.randrange(1, 5))
            elif kind == 1:
                del message[place : place + chance.randrange(1, 9)]
            elif place < len(message):
                message[place] = chance.randrange(256)
        refused_cleanly(chance.choice(asked), bytes(message))
    assert raw.table(statement("SELECT 1 AS a")).num_rows == 1


def test_a_path_is_no_command(raw: Raw) -> None:
    with pytest.raises(pa.ArrowInvalid, match="invalid_request"):
        raw.client.get_flight_info(fl.FlightDescriptor.for_path("sales"), raw.options)
    assert list(raw.client.list_flights(b"x", raw.options)) == []


def test_the_actions_are_listed(raw: Raw) -> None:
    listed = {each.type for each in raw.client.list_actions(raw.options)}
    assert listed == {
        *("CreatePreparedStatement", "ClosePreparedStatement"),
        *("CancelFlightInfo", "CancelQuery"),
    }
    assert raw.act("ClosePreparedStatement", close(HANDLE)) == []


def close(handle: bytes) -> bytes:
    return pack("ActionClosePreparedStatementRequest", length_field(1, handle))


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(message: bytes) -> None:
    for parse in (
        *(Fields, parse_command, decode_ticket, decode_prepared),
        lambda each: cancelled_tickets(each, packed=False),
    ):
        try:
            parse(message)
        except (RefusedError, Unsupported) as error:
            assert str(error)


@given(st.integers(1, 2**29 - 1), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_what_is_written_is_read(number: int, value: int, data: bytes) -> None:
    assert Fields(number_field(number, value)).number(number) == value
    assert Fields(length_field(number, data)).bytes_of(number) == data
    both = Fields(length_field(number, data) + length_field(number, b"last"))
    assert both.all_bytes(number) == [data, b"last"] and both.bytes_of(number) == b"last"


@pytest.mark.parametrize(("varint", "expected"), [(5, 5), (2**64 - 5, -5), (2**31, -(2**31))])
def test_numbers_with_a_sign(varint: int, expected: int) -> None:
    assert signed32(varint) == expected
