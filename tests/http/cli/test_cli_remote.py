"""Commands against a running server: `--url`, with a token that no process list shows."""

import argparse
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from command_line import CommandLine, csv
from lake_server import Lake, running_lake
from principals import closed, principal

from lakehouse.api.versioned import Versioned
from lakehouse.cli.main import ON_THE_BUCKET
from lakehouse.cli.parsing.parser import build
from lakehouse.cli.remote.calls import CALLS
from lakehouse.web.routes import ROUTES

UPLOAD = "a,b\n1,x\n2,y\n"
OK, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 3


class Remote(NamedTuple):
    """A lake with principals behind a server; the tokens of an admin and of a reader of `seen`."""

    lake: Lake
    url: str
    admin: str
    reader: str


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    bucket = tmp_path_factory.mktemp("remote") / "bucket"
    with running_lake(bucket) as lake:
        lake.token = closed(lake)
        for name in ("seen", "hidden", "victim"):
            assert lake.ingest(f"name={name}", UPLOAD).status == 200
        reader = principal(lake, "rita", {"seen": ["read"]}).token
        assert reader is not None
        yield Remote(lake, f"http://127.0.0.1:{lake.port}", lake.token, reader)


@pytest.fixture(autouse=True)
def elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, remote: Remote
) -> pytest.MonkeyPatch:
    """In a directory without a bucket, with the server and the admin's token in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAKEHOUSE_URL", remote.url)
    monkeypatch.setenv("LAKEHOUSE_TOKEN", remote.admin)
    return monkeypatch


def leaves(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands that no command is below."""
    inner = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not inner:
        yield " ".join(words)
    for action in inner:
        for name, command in action.choices.items():
            yield from leaves(command, (*words, name))


ABSENT, FORBIDDEN = "dataset_not_found", "forbidden"
FOR_ALL = ""
MATRIX: dict[str, tuple[tuple[str, ...], str]] = {
    "ingest": (("t.csv", "--name", "hidden"), FORBIDDEN),
    "stream": (("hidden",), FORBIDDEN),
    "sql": (("FROM hidden",), "sql_error"),
    "datasets": ((), FOR_ALL),
    "show": (("hidden",), ABSENT),
    "drop": (("hidden",), FORBIDDEN),
    "restore": (("hidden", "--as-of", "1"), FORBIDDEN),
    "history": (("hidden",), ABSENT),
    "transaction": (("changes.json",), FORBIDDEN),
    "rename": (("hidden", "other"), FORBIDDEN),
    "delete": (("hidden", "--where", "a = 1"), FORBIDDEN),
    "update": (("hidden", "--set", "a=1", "--where", "a = 1"), FORBIDDEN),
    "erase": (("hidden", "--where", "a = 1", "--reason", "asked"), FORBIDDEN),
    "view put": (("v", "SELECT 1 AS x"), FORBIDDEN),
    "view show": (("v",), "view_not_found"),
    "view list": ((), FOR_ALL),
    "view drop": (("v",), FORBIDDEN),
    "profile put": (("p", '{"names": {}, "others": "visible"}'), FORBIDDEN),
    "profile show": (("p",), "profile_not_found"),
    "profile list": ((), FOR_ALL),
    "profile drop": (("p",), FORBIDDEN),
    "source put": (("s", "s3://raw/in/"), FORBIDDEN),
    "source show": (("s",), FORBIDDEN),
    "source list": ((), FORBIDDEN),
    "source drop": (("s",), FORBIDDEN),
    "source run": (("s",), FORBIDDEN),
    "store put": (("cold", "file:///cold"), FORBIDDEN),
    "store show": (("cold",), FORBIDDEN),
    "store list": ((), FORBIDDEN),
    "store drop": (("cold",), FORBIDDEN),
    "store doctor": (("cold",), FORBIDDEN),
    "store copy": (("main", "cold", "*"), FORBIDDEN),
    "store move": (("main", "cold", "*"), FORBIDDEN),
    "nearest": (("hidden", "a", "[1]"), ABSENT),
    "derive": (("derived", "--sql", "SELECT 1 AS x"), FORBIDDEN),
    "refresh": (("hidden",), FORBIDDEN),
    "quarantine": (("hidden",), ABSENT),
    "pin": (("hidden@1",), FORBIDDEN),
    "unpin": (("hidden@1",), FORBIDDEN),
    "pins": ((), FOR_ALL),
    "diff": (("--from", "0"), FOR_ALL),
    "why": (("hidden",), ABSENT),
    "undo": (("2",), FORBIDDEN),
    "access principals put": (("eve", "--kind", "user"), FORBIDDEN),
    "access principals show": (("rita",), FORBIDDEN),
    "access principals list": ((), FORBIDDEN),
    "access principals drop": (("rita",), FORBIDDEN),
    "access tokens issue": (("rita",), FOR_ALL),
    "access tokens list": ((), FOR_ALL),
    "access tokens revoke": (("none",), "token_not_found"),
    "access grants put": (("rita", "hidden", "read"), FORBIDDEN),
    "access grants list": ((), FORBIDDEN),
    "access grants drop": (("rita", "seen"), FORBIDDEN),
    "access me": ((), FOR_ALL),
    "compact": (("hidden",), FORBIDDEN),
    "gc": ((), FORBIDDEN),
    "journal head": ((), FOR_ALL),
    "journal events": ((), FOR_ALL),
    "audit entries": ((), FORBIDDEN),
}
"""What each command asks about something hidden, and what a reader of something else gets."""
ELSEWHERE = {"serve": "is the server", "completion": "asks nothing", "mcp": "test_mcp_stdio.py",
             "shell": "test_shell.py"}  # fmt: skip


def test_every_command_has_an_entry() -> None:
    assert {*leaves(build())} == {*MATRIX} | {*ELSEWHERE} | {*ON_THE_BUCKET}


@pytest.mark.parametrize("command", sorted(MATRIX))
def test_every_command_by_a_reader_and_by_nobody(
    lakehouse: CommandLine, remote: Remote, elsewhere: pytest.MonkeyPatch, command: str
) -> None:
    words, code = MATRIX[command]
    csv(UPLOAD)
    Path("changes.json").write_text('{"changes": [{"op": "drop", "name": "hidden"}]}')
    elsewhere.setenv("LAKEHOUSE_TOKEN", remote.reader)
    if code == FOR_ALL:
        assert "hidden" not in lakehouse(*command.split(), *words, "--json")
    else:
        found = json.loads(lakehouse(*command.split(), *words, "--json", code=REFUSED))
        assert found["code"] == code
    elsewhere.setenv("LAKEHOUSE_TOKEN", "lh_none_nothing")
    found = json.loads(lakehouse(*command.split(), *words, "--json", code=REFUSED))
    assert found["code"] == "unauthenticated"


@pytest.mark.parametrize("command", sorted(ON_THE_BUCKET))
def test_what_needs_the_bucket_says_so(lakehouse: CommandLine, command: str) -> None:
    words = {
        "journal export": ("elsewhere",), "journal raise-format": ("2",),
        "journal adopt": ("--previous", f"1:{'0' * 64}"), "access init": ("--admin", "eve"),
    }.get(command, ())  # fmt: skip
    found = lakehouse(*command.split(), *words, code=USAGE)
    assert ON_THE_BUCKET[command] in found
    assert "--bucket" in found


def test_every_call_is_a_route_and_a_use_case_with_its_answer(remote: Remote) -> None:
    routes = {(route.method, route.path) for route in ROUTES}
    for name, call in CALLS.items():
        paths = {call.path.format(hole) for hole in ("{name}", "{id}")}
        assert routes & {(call.method, path) for path in paths}, name
        use_case: Any = remote.lake.service
        for part in name.split("."):
            use_case = getattr(use_case, part)
        answered = inspect.signature(use_case, eval_str=True).return_annotation
        assert issubclass(answered.__args__[0], call.answer), name
        assert answered.__origin__ is Versioned, name


ATTEMPTS = 5
TEXTS = [
    ("datasets",), ("show", "seen"), ("diff", "--from", "0"), ("gc",), ("audit", "entries"),
    ("sql", "FROM seen ORDER BY a"), ("sql", "FROM seen ORDER BY a", "--format", "csv"),
    ("sql", "SELECT NULL AS n, 'é\x1b' AS t", "--format", "ndjson"), ("undo", "2"),
]  # fmt: skip
JSON = [
    ("datasets",), ("show", "seen"), ("history", "seen"), ("view", "list"), ("profile", "list"),
    ("pins",), ("diff", "--from", "0"), ("why", "seen", "--where", "a = 1"),
    ("access", "principals", "list"), ("access", "tokens", "list"), ("access", "grants", "list"),
    ("access", "principals", "show", "rita"), ("journal", "head"), ("journal", "events"),
    ("journal", "events", "--limit", "2", "--after", "1"), ("sql", "FROM seen ORDER BY a"),
    ("compact", "seen", "--dry-run"), ("delete", "seen", "--where", "a = 1", "--dry-run"),
    ("erase", "seen", "--where", "a = 1", "--reason", "asked"),
]  # fmt: skip


@pytest.mark.parametrize("words", [*TEXTS, *((*each, "--json") for each in JSON)], ids=" ".join)
def test_a_read_prints_what_it_prints_on_the_bucket(
    lakehouse: CommandLine, remote: Remote, words: tuple[str, ...]
) -> None:
    for _ in range(ATTEMPTS):  # The server stores its audit from time to time: also in between.
        asked = lakehouse(*words)
        read = lakehouse(*words, "--bucket", str(remote.lake.bucket))
        if asked == read:
            break
    assert asked == read


def test_changes_from_a_file_to_its_end(lakehouse: CommandLine, remote: Remote) -> None:
    text = "n;w\n1;ä\n2;\n"
    Path("t.csv").write_bytes(text.encode("latin-1"))
    options = ("--name", "flow", "--delimiter", ";", "--encoding", "latin-1", "--types", "n:double")
    assert "dry run" in lakehouse("ingest", "t.csv", *options, "--dry-run")
    assert lakehouse("ingest", "t.csv", *options).startswith("flow: 2 rows, 2 in total, event ")
    assert "already ingested" in lakehouse(
        "ingest", "t.csv", *options, "--mode", "append", "--dedupe", "source"
    )
    key = ("--idempotency-key", "once", "--reason", "checked")
    first = lakehouse("delete", "flow", "--where", "n = 2", *key)
    assert lakehouse("delete", "flow", "--where", "n = 2", *key) == first
    assert lakehouse("sql", "SELECT n, w FROM flow", "--format", "csv") == "n,w\n1.0,ä\n"
    last = json.loads(lakehouse("history", "flow", "--json").splitlines()[-1])
    assert (last["reason"], last["actor"]) == ("checked", "ana")
    staged = lakehouse("ingest", csv(UPLOAD), "--name", "staged", "--stage").strip()
    Path("set.json").write_text(json.dumps({"changes": [{"op": "commit", "staged": staged}]}))
    assert "1 change," in lakehouse("transaction", "set.json")
    lakehouse("sql", "FROM staged", "-o", "out.parquet")
    assert Path("out.parquet").read_bytes()[:4] == b"PAR1"
    lakehouse("drop", "staged")


def test_quarantine_from_its_list_to_a_retry(lakehouse: CommandLine, remote: Remote) -> None:
    Path("bad.csv").write_bytes("a;w\n1;ä\n2;ö;x\nno;ü\n".encode("latin-1"))
    options = ("--name", "aside", "--delimiter", ";", "--encoding", "latin-1", "--types", "a:int64")
    lakehouse("ingest", "bad.csv", *options, "--on-error", "quarantine")
    here = ("--bucket", str(remote.lake.bucket))
    for words in (("quarantine", "aside"), ("quarantine", "aside", "--json")):
        assert lakehouse(*words) == lakehouse(*words, *here)
    raw = remote.lake.ask("GET", "/v1/catalog/quarantine/aside?raw=true").body
    assert raw == "a;w\n2;ö;x\nno;ü\n".encode("latin-1")
    assert "quarantine_not_found" in lakehouse("quarantine", "aside", "--key", "k", code=REFUSED)
    assert "malformed_csv" in lakehouse("quarantine", "aside", "--retry", code=REFUSED)
    Path("mended.csv").write_bytes(raw.replace(b";x", b"").replace(b"no", b"3"))
    assert lakehouse("quarantine", "aside", "--retry", "mended.csv").startswith("aside: 2 rows, 3")
    assert lakehouse("quarantine", "aside", "--json") == ""
    assert lakehouse("sql", "FROM aside ORDER BY a", "--format", "csv") == "a,w\n1,ä\n2,ö\n3,ü\n"
    lakehouse("drop", "aside")


def test_refresh_all_in_order(lakehouse: CommandLine, remote: Remote) -> None:
    lakehouse("derive", "source", "--sql", "FROM victim")
    lakehouse("derive", "ahead", "--sql", "FROM source")
    remote.lake.ingest("name=victim", b"a,b\n7,z\n")
    body = json.loads(lakehouse("refresh", "--all", "--json"))
    done = {row["name"]: row["outcome"] for row in body["results"]}
    assert [name for name in done if name in ("source", "ahead")] == ["source", "ahead"]
    assert (done["source"], done["ahead"]) == ("refreshed", "refreshed")
    assert lakehouse("sql", "FROM ahead", "--format", "csv") == "a,b\n7,z\n"
    remote.lake.ingest("name=victim&schema_change=replace", b"c\n7\n")
    every = remote.lake.ask("POST", "/v1/catalog/refresh", {"all": True}).json["results"]
    left = {row["name"]: row["outcome"] for row in every if row["name"] in ("source", "ahead")}
    assert left == {"source": "refused", "ahead": "skipped"}
    for name in ("ahead", "source"):
        lakehouse("drop", name)


def test_a_whole_lake_by_its_admin(lakehouse: CommandLine) -> None:
    assert "put" in lakehouse("view", "put", "totals", "SELECT sum(a) AS s FROM seen")
    assert lakehouse("derive", "made", "--sql", "FROM totals").startswith("made: 1 row,")
    assert "unchanged" in lakehouse("refresh", "made")
    lakehouse("access", "principals", "put", "bob", "--kind", "service", "--queries", "3")
    token = lakehouse("access", "tokens", "issue", "bob").strip()
    assert token.startswith("lh_")
    lakehouse("access", "grants", "put", "bob", "ma*", "read")
    Path("token").write_text(token)
    Path("token").chmod(0o600)
    assert lakehouse("access", "me", "--token-file", "token").strip() == "bob, service: read ma*"
    lakehouse("access", "tokens", "revoke", token.split("_")[1])
    assert "unauthenticated" in lakehouse("access", "me", "--token-file", "token", code=REFUSED)
    lakehouse("access", "grants", "drop", "bob", "ma*")
    lakehouse("access", "principals", "drop", "bob")


def test_pages_are_read_to_the_end(
    lakehouse: CommandLine, elsewhere: pytest.MonkeyPatch, remote: Remote
) -> None:
    everything = [lakehouse("datasets"), lakehouse("journal", "events")]
    for module in ("requests", "lists"):
        elsewhere.setattr(f"lakehouse.cli.remote.{module}.PAGE", 1)
    assert [lakehouse("datasets"), lakehouse("journal", "events")] == everything
    assert everything[0].count("\n") > 3


def test_where_the_token_comes_from(
    lakehouse: CommandLine, remote: Remote, elsewhere: pytest.MonkeyPatch
) -> None:
    elsewhere.delenv("LAKEHOUSE_TOKEN")
    Path("secrets.toml").write_text(f'token = "{remote.admin}"\n')
    Path("secrets.toml").chmod(0o600)
    assert lakehouse("access", "me", "--secrets-file", "secrets.toml").strip() == "ana, user: admin"
    elsewhere.setenv("LAKEHOUSE_TOKEN", remote.reader)
    assert "rita" in lakehouse("access", "me", "--secrets-file", "secrets.toml")
    Path("token").write_text(f"{remote.admin}\n")
    Path("token").chmod(0o644)
    assert "chmod 600" in lakehouse("access", "me", "--token-file", "token", code=USAGE)
    Path("token").chmod(0o600)
    assert "ana" in lakehouse("access", "me", "--token-file", "token")
    Path("token").write_text("\n")
    assert "no token" in lakehouse("access", "me", "--token-file", "token", code=USAGE)


def test_a_token_goes_to_another_machine_by_https_only(lakehouse: CommandLine) -> None:
    found = lakehouse("datasets", "--url", "http://lake.example.com:3110", code=USAGE)
    assert "https" in found


def test_no_server_is_unavailable(lakehouse: CommandLine, elsewhere: pytest.MonkeyPatch) -> None:
    elsewhere.setattr("lakehouse.client.http.ATTEMPTS", 1)
    found = lakehouse("datasets", "--url", "http://127.0.0.1:9", code=UNAVAILABLE)
    assert "server_unreachable" in found


@pytest.mark.parametrize("url", ["lake:3110", "ftp://lake", "http://", "http://a:b@localhost"])
def test_what_is_no_url_is_refused(lakehouse: CommandLine, url: str) -> None:
    assert "url" in lakehouse("datasets", "--url", url, code=USAGE)


def test_the_option_for_the_bucket_wins_over_the_environment(
    lakehouse: CommandLine, remote: Remote
) -> None:
    assert "lake_not_found" in lakehouse("datasets", "--bucket", "none", code=REFUSED)
    both = ("--bucket", "none", "--url", remote.url)
    assert "not both" in lakehouse("datasets", *both, code=USAGE)
