"""Who may ask what over Flight SQL: each RPC by each kind of caller, judged when it is made."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from adbc_driver_manager import AdbcStatusCode
from fake_issuer import AUDIENCE, running_issuer
from flight_client import Raw, adbc, metadata, prepared, query, statement, until
from lake_server import Lake, running_lake
from principals import closed, principal, token

from lakehouse.flight.commands import pack
from lakehouse.flight.tickets import Prepared, Ticket, encode
from lakehouse.flight.wire import length_field

READ = "read"
SEEN, HIDDEN, ABSENT = "seen_a", "hidn_a", "none_a"
"""A reader may read the first; the second exists, the third does not. They are as long as each other."""


class Callers(NamedTuple):
    """A token of each kind."""

    strangers: dict[str, str | None]
    reader: str
    writer: str
    manager: str
    admin: str


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    bucket = tmp_path_factory.mktemp("matrix") / "bucket"
    with running_lake(bucket, flight_port=0, audit="all") as lake:
        lake.token = closed(lake)
        for name in (SEEN, HIDDEN):
            assert lake.ingest(f"name={name}").status == 200
        yield lake


@pytest.fixture(scope="module")
def callers(lake: Lake) -> Callers:
    asleep = principal(lake, "asleep").token
    revoked = token(lake, "asleep")
    assert lake.ask("DELETE", f"/v1/access/tokens/{revoked.split('_')[1]}").status == 200
    body = {"kind": "user", "disabled": True}
    assert lake.ask("PUT", "/v1/access/principals/asleep", body).status == 200
    strangers = {
        "none": None,
        "bad": "lh_nobody_nothing",
        "expired": _expired(lake),
        "revoked": revoked,
        "disabled": asleep,
    }
    granted = {
        "reader": {SEEN: [READ]},
        "writer": {"w_*": ["write"]},
        "manager": {"m_*": ["manage"], SEEN: [READ]},
    }
    tokens = {name: str(principal(lake, name, on).token) for name, on in granted.items()}
    return Callers(strangers, **tokens, admin=str(lake.token))


def _expired(lake: Lake) -> str:
    """A token whose time is over: its second passes while this waits for the lake to say so."""
    import time

    issued = token(lake, "ana", expires_in=1)
    for _ in range(200):
        with Raw(lake.flight_port, issued) as raw:
            try:
                raw.table(statement("SELECT 1"))
            except fl.FlightUnauthenticatedError:
                return issued
        time.sleep(0.02)
    raise AssertionError("the token did not expire")


def of(name: str) -> bytes:
    return statement(f"SELECT * FROM {name}")


def ticket(name: str) -> bytes:
    held = encode(Ticket(f"SELECT * FROM {name}", "q"))
    return pack("TicketStatementQuery", length_field(1, held))


def tables(raw: Raw, name: str) -> Any:
    return raw.table(metadata("CommandGetTables", f2="main", f3=name)).to_pylist()


def put(raw: Raw, name: str) -> Any:
    handle = encode(Prepared(f"SELECT * FROM {name} WHERE a = ?", ("1",)))
    return raw.put(prepared(handle), pa.record_batch([pa.array([1])], ["1"]))


def cancel(raw: Raw, name: str) -> Any:
    info = length_field(3, length_field(1, length_field(1, ticket(name))))
    return raw.act("CancelFlightInfo", length_field(1, info))


CALLS: dict[str, Callable[[Raw, str], Any]] = {
    "GetFlightInfo": lambda raw, name: raw.info(of(name)),
    "GetSchema": lambda raw, name: raw.schema(of(name)),
    "DoGet statement": lambda raw, name: raw.client.do_get(
        fl.Ticket(ticket(name)), raw.options
    ).read_all(),
    "DoGet tables": tables,
    "DoAction prepare": lambda raw, name: raw.prepare(f"SELECT * FROM {name}")[0],
    "DoAction cancel": cancel,
    "DoAction unknown": lambda raw, name: raw.act("Nothing", b""),
    "DoPut": put,
    "ListActions": lambda raw, name: raw.client.list_actions(raw.options),
    "ListFlights": lambda raw, name: list(raw.client.list_flights(b"", raw.options)),
    "DoExchange": lambda raw, name: raw.client.do_exchange(
        fl.FlightDescriptor.for_path(name), raw.options
    )[1].read_chunk(),
}
READS = ("GetSchema", "DoGet statement", "DoGet tables", "DoAction prepare")


def answer(lake: Lake, token: str | None, call: str, name: str) -> str:
    """What a call answers, with another name for the thing."""
    with Raw(lake.flight_port, token) as raw:
        try:
            found = str(CALLS[call](raw, name))
        except (pa.ArrowException, NotImplementedError, OSError) as error:
            # pyarrow's get_schema raises Flight's errors as OSError; the detail has their status.
            kind = "FlightUnauthenticatedError" if "Detail: Unauthenticated" in str(error) else ""
            text = str(error).partition(". Detail")[0]
            found = f"{kind or type(error).__name__}: {text}"
    return found.replace(name, "NAME")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", ["none", "bad", "expired", "revoked", "disabled"])
def test_who_is_not_known_gets_no_answer(
    lake: Lake, callers: Callers, kind: str, call: str
) -> None:
    found = answer(lake, callers.strangers[kind], call, SEEN)
    assert found.startswith("FlightUnauthenticatedError: unauthenticated: "), found


@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("kind", ["reader", "writer", "manager"])
def test_what_may_not_be_read_is_absent(lake: Lake, callers: Callers, kind: str, call: str) -> None:
    caller = getattr(callers, kind)
    hidden, absent = (answer(lake, caller, call, name) for name in (HIDDEN, ABSENT))
    assert hidden == absent
    assert hidden == "[]" or hidden.startswith("ArrowInvalid: sql_error"), hidden
    seen = answer(lake, caller, call, SEEN)
    assert (seen == absent) == (kind == "writer"), seen


@pytest.mark.parametrize("call", READS)
def test_an_admin_sees_all(lake: Lake, callers: Callers, call: str) -> None:
    hidden, absent = (answer(lake, callers.admin, call, name) for name in (HIDDEN, ABSENT))
    assert hidden != absent and "Error" not in hidden and "Invalid" not in hidden


@pytest.mark.parametrize("call", sorted(CALLS.keys() - set(READS)))
@pytest.mark.parametrize("kind", ["reader", "writer", "manager", "admin"])
def test_other_calls_say_nothing_about_a_name(
    lake: Lake, callers: Callers, kind: str, call: str
) -> None:
    found = {answer(lake, getattr(callers, kind), call, name) for name in (SEEN, HIDDEN, ABSENT)}
    if call not in ("GetFlightInfo", "DoPut"):  # these answer what they were sent, in base64
        assert len(found) == 1
    assert not any("unauthenticated" in each for each in found)


def test_a_ticket_is_no_right(lake: Lake, callers: Callers) -> None:
    with Raw(lake.flight_port, callers.admin) as admin:
        [endpoint] = admin.info(of(HIDDEN)).endpoints
        assert admin.client.do_get(endpoint.ticket, admin.options).read_all().num_rows == 1
    with (
        Raw(lake.flight_port, callers.reader) as reader,
        pytest.raises(pa.ArrowInvalid, match="sql_error"),
    ):
        reader.client.do_get(endpoint.ticket, reader.options).read_all()


def test_a_token_is_revoked_between_two_calls(lake: Lake) -> None:
    found = principal(lake, "leaver", {SEEN: [READ]})
    with Raw(lake.flight_port, found.token) as raw:
        assert raw.table(of(SEEN)).num_rows == 1
        id_ = str(found.token).split("_")[1]
        assert lake.ask("DELETE", f"/v1/access/tokens/{id_}").status == 200
        with pytest.raises(fl.FlightUnauthenticatedError, match="unauthenticated"):
            raw.table(of(SEEN))


def test_a_signed_token_is_its_principal(tmp_path: Path) -> None:
    with running_issuer() as issuer:
        settings = {"oidc_issuer": issuer.url, "oidc_audience": AUDIENCE, "flight_port": 0}
        with running_lake(tmp_path / "bucket", **settings) as lake:
            lake.token = closed(lake)
            for name in (SEEN, HIDDEN):
                assert lake.ingest(f"name={name}").status == 200
            principal(lake, "rita", {SEEN: [READ]})
            rita, nobody = (issuer.token(time.time(), sub=name) for name in ("rita", "nobody"))
            with Raw(lake.flight_port, rita) as raw:
                assert raw.table(of(SEEN)).num_rows == 1
            assert "does not exist" in answer(lake, rita, "DoGet statement", HIDDEN)
            assert "FlightUnauthenticated" in answer(lake, nobody, "DoGet statement", SEEN)
            basic = base64.b64encode(f"rita:{rita}".encode()).decode()
            assert query(lake, "SELECT 1", authorization=f"Basic {basic}").num_rows == 1


def test_the_token_as_password_in_a_handshake_or_in_each_call(lake: Lake, callers: Callers) -> None:
    with Raw(lake.flight_port) as raw:
        name, bearer = raw.client.authenticate_basic_token("anyone", callers.reader)
        assert (name, bearer) == (b"authorization", f"Bearer {callers.reader}".encode())
        with pytest.raises(fl.FlightUnauthenticatedError, match="unauthenticated"):
            raw.client.authenticate_basic_token("reader", "wrong")
    basic = base64.b64encode(f"x:{callers.reader}".encode()).decode()
    assert query(lake, f"FROM {SEEN}", authorization=f"Basic {basic}").num_rows == 1
    with adbc(lake, authorization="Bearer lh_no_no") as connection:
        with pytest.raises(adbc_driver_manager.Error) as raised, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert raised.value.status_code == AdbcStatusCode.UNAUTHENTICATED


def test_two_tokens_in_one_call_are_refused(lake: Lake, callers: Callers) -> None:
    with (
        Raw(lake.flight_port, callers.reader, authorization="Bearer lh_a_b") as raw,
        pytest.raises(fl.FlightUnauthenticatedError),
    ):
        raw.table(of(SEEN))


def test_a_principal_with_a_profile_has_no_other(lake: Lake) -> None:
    alias = {"names": {"mine": {"to": SEEN}}, "others": "hidden"}
    for name in ("own", "other"):
        assert lake.ask("PUT", f"/v1/catalog/profile/{name}", alias).status == 200
    held = principal(lake, "narrow", {"mine": [READ], "other": [READ]}, profile="own").token
    with Raw(lake.flight_port, held) as raw:
        assert raw.table(of("mine")).num_rows == 1
        assert [row["table_name"] for row in tables(raw, "%")] == ["mine"]
    with (
        Raw(lake.flight_port, held, x_profile="other") as raw,
        pytest.raises(fl.FlightUnauthorizedError, match="forbidden"),
    ):
        raw.table(of("mine"))


def test_limits_hold_here_too(lake: Lake) -> None:
    held = principal(lake, "small", {SEEN: [READ]}, limits={"bytes_per_day": 1}).token
    with Raw(lake.flight_port, held) as raw:
        assert raw.table(of(SEEN)).num_rows == 1
        with pytest.raises(fl.FlightUnavailableError, match="quota_exceeded"):
            raw.table(of(SEEN))


def test_too_many_failed_attempts_stop_failing_ones_alone(lake: Lake, callers: Callers) -> None:
    from lakehouse.web.http.attempts import MAX_FAILED

    with Raw(lake.flight_port, "lh_nobody_nothing") as raw:
        for _ in range(MAX_FAILED + 1):
            with pytest.raises(fl.FlightError) as raised:
                raw.client.list_actions(raw.options)
        assert "too_many_attempts" in str(raised.value)
    with Raw(lake.flight_port, callers.reader) as raw:
        assert raw.table(of(SEEN)).num_rows == 1


def audited(lake: Lake) -> list[dict[str, Any]]:
    """The entries of this door and of the reader, what is pending included."""
    lake.run(lake.service.audit.log.close(10))
    rows = lake.sql("SELECT * FROM lake.audit WHERE door = 'flight'", format="json").json
    names = [column["name"] for column in rows["columns"]]
    found = [dict(zip(names, row, strict=True)) for row in rows["rows"]]
    return [each for each in found if each["principal"] in ("reader", None)]


def test_the_audit_and_the_metrics_have_each_call(lake: Lake, callers: Callers) -> None:
    with Raw(lake.flight_port, callers.reader, x_actor="for Eve") as raw:
        raw.table(of(SEEN))
    until(lambda: any(each["rows"] == 1 for each in audited(lake)))
    entries = audited(lake)
    read = next(each for each in reversed(entries) if each["rows"] == 1)
    assert (read["kind"], read["route"], read["status"]) == ("read", "FLIGHT DoGet", 200)
    assert (read["rows"], read["address"], SEEN in str(read["reads"])) == (1, "127.0.0.1", True)
    assert {"refused", "read"} == {each["kind"] for each in entries}
    codes = {each["code"] for each in entries if each["kind"] == "refused"}
    assert "unauthenticated" in codes
    metrics = lake.ask("GET", "/metrics").body.decode()
    line = 'lakehouse_http_answers_total{method="FLIGHT",route="DoGet",status="200"}'
    assert line in metrics


def test_a_query_is_listed_under_its_principal(lake: Lake, callers: Callers) -> None:
    with Raw(lake.flight_port, callers.reader) as raw:
        raw.table(statement("SELECT 'listed'"))
    rows = lake.sql(
        "SELECT actor, outcome, format FROM lake.queries WHERE sql = $1",
        params=["SELECT 'listed'"],
    ).json["rows"]
    assert rows == [["reader", "done", "arrow"]]
