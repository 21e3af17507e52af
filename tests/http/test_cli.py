"""The command line: its words, its exit codes, and what it lets a terminal see."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lakehouse.cli import main

SECRET = "s3cr3t-v4lue"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty directory, without settings from outside, and with few threads."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("LAKEHOUSE_")]:
        monkeypatch.delenv(name)


class Told:
    """What one command said, and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run `lakehouse words…`, assert how it ends, return its stdout (stderr if it failed)."""
        ended = main(list(words))
        out, err = self._capsys.readouterr()
        assert ended == code, (out, err)
        if code:
            assert out == "", "data alone goes to stdout"
            assert "Traceback" not in err
            return err
        return out


@pytest.fixture
def lakehouse(capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(capsys)


def csv(text: str, name: str = "t.csv") -> str:
    Path(name).write_text(text)
    return name


def test_a_first_session(lakehouse: Told) -> None:
    lakehouse("ingest", csv("zip,n\n00501,1\n10001,2\n"), "--name", "zips")
    assert "00501" in lakehouse("sql", "SELECT * FROM zips ORDER BY zip")
    assert "zips" in lakehouse("datasets")
    assert "string" in lakehouse("show", "zips")
    lakehouse("drop", "zips", "--reason", "tidy")
    assert "dataset_dropped" in lakehouse("history", "zips")
    assert "seq: 2" in lakehouse("journal", "head")
    assert len(lakehouse("journal", "events").splitlines()) == 2
    assert "verified: True" in lakehouse("journal", "verify")
    assert "state_root" in lakehouse("journal", "replay")


def test_json_is_json_everywhere(lakehouse: Told) -> None:
    receipt = json.loads(lakehouse("ingest", csv("a\n1\n"), "--name", "t", "--json"))
    assert (receipt["name"], receipt["seq"], receipt["reused"]) == ("t", 1, False)
    answer = json.loads(lakehouse("sql", "SELECT * FROM t", "--json"))
    assert (answer["rows"], answer["row_count"]) == ([[1]], 1)
    assert json.loads(lakehouse("sql", "SELECT * FROM t", "--format", "json")) == answer
    assert json.loads(lakehouse("show", "t", "--json"))["name"] == "t"
    assert [json.loads(line)["name"] for line in lakehouse("datasets", "--json").splitlines()] == [
        "t"
    ]
    for words in (("history", "t"), ("journal", "events")):
        lines = lakehouse(*words, "--json").splitlines()
        assert [json.loads(line)["seq"] for line in lines] == [1]
    head = json.loads(lakehouse("journal", "head", "--json"))
    assert head.keys() == {"seq", "slot", "sha256", "at"}
    assert json.loads(lakehouse("journal", "verify", "--json"))["seq"] == 1
    assert len(json.loads(lakehouse("journal", "replay", "--json"))["state_root"]) == 64
    assert json.loads(lakehouse("drop", "t", "--json"))["seq"] == 2
    error = json.loads(lakehouse("show", "t", "--json", code=1))
    assert error["code"] == "dataset_not_found"


def test_looking_begins_no_journal(lakehouse: Told, tmp_path: Path) -> None:
    assert json.loads(lakehouse("journal", "head", "--json")) == {
        "seq": 0,
        "slot": 0,
        "sha256": None,
        "at": None,
    }
    for words in ("events", "verify", "replay"):
        lakehouse("journal", words)
    assert not list(tmp_path.rglob("lake.json"))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nobody"), "dataset_not_found"),
        (("drop", "nobody"), "dataset_not_found"),
        (("history", "nobody"), "dataset_not_found"),
        (("show", "1bad"), "invalid_name"),
        (("sql", "SELEC 1"), "sql_error"),
        (("sql", "DROP TABLE t"), "statement_not_allowed"),
        (("sql", "SELECT 1", "--as-of", "5"), "as_of_in_future"),
        (("sql", "SELECT 1", "--as-of", "soon"), "invalid_request"),
        (("ingest", "absent.csv", "--name", "t"), "missing_file"),
        (("ingest", "/dev/null", "--name", "t"), "empty_csv"),
        (("ingest", "/dev/null", "--name", "1t"), "invalid_name"),
        (("ingest", "/dev/null", "--name", "t", "--types", "x"), "invalid_request"),
    ],
)
def test_a_refusal_ends_with_1(lakehouse: Told, words: tuple[str, ...], code: str) -> None:
    assert code in lakehouse(*words, code=1)
    assert json.loads(lakehouse(*words, "--json", code=1))["code"] == code


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("show",),
        ("show", "a", "b"),
        ("ingest",),
        ("ingest", "f", "--name", "t", "--mode", "upsert"),
        ("sql",),
        ("journal",),
        ("journal", "nonsense"),
        ("journal", "events", "--limit", "x"),
        ("journal", "events", "--after", "-1"),
        ("datasets", "--nonsense"),
        ("serve", "--port", "70000"),
        ("serve", "--port", "x"),
        ("serve", "--host", "0.0.0.0"),
        ("datasets", "--config", "absent.toml"),
        ("datasets", "--bucket", "ftp://x"),
        ("datasets", "--bucket", ""),
        ("datasets", "--bucket", "s3://"),
        ("datasets", "--bucket", "s3://bucket", "--secrets-file", "absent"),
    ],
)
def test_wrong_words_end_with_2(lakehouse: Told, words: tuple[str, ...]) -> None:
    assert lakehouse(*words, code=2)
    assert json.loads(lakehouse(*words, "--json", code=2))["code"] == "usage"


def test_a_store_that_cannot_be_had_ends_with_3(
    lakehouse: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    told = lakehouse("journal", "head", "--bucket", "s3://some-bucket", code=3)
    assert SECRET not in told


def test_a_damaged_journal_ends_with_4_and_is_named(lakehouse: Told) -> None:
    for number in range(3):
        lakehouse("ingest", csv(f"a\n{number}\n"), "--name", "t")
    slot = Path("bucket/_journal/slots") / f"{2:020d}.ndjson"
    whole = slot.read_bytes()
    slot.write_bytes(whole.replace(b'"t"', b'"u"', 1))
    for words in (("journal", "verify"), ("journal", "replay"), ("datasets",)):
        assert "journal_corrupt" in lakehouse(*words, code=4)
    slot.unlink()
    assert "journal_corrupt" in lakehouse("journal", "verify", code=4)
    slot.write_bytes(whole)
    lakehouse("journal", "verify")


def test_control_characters_never_reach_a_terminal(lakehouse: Told) -> None:
    text = "SELECT 'a' || chr(27) || '[31m' || chr(155) || chr(7) || chr(0) AS x"
    for words in (("sql", text), ("sql", text, "--json")):
        out = lakehouse(*words)
        assert not [letter for letter in out if ord(letter) < 32 and letter != "\n"]
        assert not [letter for letter in out if 127 <= ord(letter) < 160]
    for words in (("show", "a\x1b[31m"), ("sql", "SELECT '\x1b[31m"), ("\x1b[31m",)):
        code = 2 if len(words) == 1 else 1
        assert "\x1b" not in lakehouse(*words, code=code)
    for flag in ((), ("--json",)):
        out = lakehouse("sql", "SELECT '\x9b31m\x7f", *flag, code=1)
        assert not [letter for letter in out if 127 <= ord(letter) < 160]


def test_duckdbs_message_keeps_its_lines(lakehouse: Told) -> None:
    lines = lakehouse("sql", "SELECT 1 +", code=1).splitlines()
    assert lines[2:4] == ["LINE 1: SELECT 1 +", "                  ^"]


def test_names_and_reasons_are_shown_safe_too(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t", "--reason", "why\x1b[2J\x9b")
    for words in (("history", "t"), ("history", "t", "--json"), ("journal", "events")):
        out = lakehouse(*words)
        assert "\x1b" not in out
        assert "\x9b" not in out
        assert "why" in out


def test_as_of_and_idempotency_work_from_here_too(lakehouse: Told) -> None:
    path = csv("a\n1\n")
    words = ("ingest", path, "--name", "t", "--mode", "append", "--idempotency-key", "k", "--json")
    first, again = json.loads(lakehouse(*words)), json.loads(lakehouse(*words))
    assert first == again
    lakehouse("ingest", csv("a\n2\n"), "--name", "t", "--mode", "append")
    assert json.loads(lakehouse("sql", "FROM t", "--as-of", "1", "--json"))["rows"] == [[1]]
    assert json.loads(lakehouse("show", "t", "--as-of", "1", "--json"))["row_count"] == 1
    assert "idempotency_key_reused" in lakehouse("ingest", csv("a\n3\n"), *words[2:-1], code=1)


def test_python_m_is_the_same_program() -> None:
    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "lakehouse", *words]
        return subprocess.run(command, capture_output=True, input=b"a\n1\n", check=False)

    with ThreadPoolExecutor() as pool:
        helped, versioned, wrong = pool.map(
            lambda words: run(*words), [("--help",), ("--version",), ("nonsense",)]
        )
    assert (helped.returncode, versioned.returncode, wrong.returncode) == (0, 0, 2)
    assert b"ingest" in helped.stdout
    assert wrong.stdout == b""
    assert run("ingest", "-", "--name", "piped").returncode == 0
    refused = run("show", "nobody")
    assert (refused.returncode, refused.stdout) == (1, b"")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    pipe = f"{sys.executable} -m lakehouse sql 'FROM range(100000)' | head -1"
    shell = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, b"")


@pytest.mark.parametrize(
    "words", [("datasets",), ("sql", "SELECT 1"), ("show", "t"), ("drop", "t")]
)
def test_looking_where_nothing_is_leaves_nothing(lakehouse: Told, words: tuple[str, ...]) -> None:
    lakehouse(*words, "--bucket", "typo", code=0 if words[0] in ("datasets", "sql") else 1)
    assert not Path("typo").exists()
    Path("there").mkdir()
    lakehouse(*words, "--bucket", "there", code=0 if words[0] in ("datasets", "sql") else 1)
    assert not list(Path("there").glob("_journal/*"))


def test_a_journal_is_checked_against_a_head_that_was_noted(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    head = json.loads(lakehouse("journal", "head", "--json"))
    noted = f"{head['seq']}:{head['sha256']}"
    lakehouse("ingest", csv("a\n2\n"), "--name", "t")
    assert json.loads(lakehouse("journal", "verify", "--expect", noted, "--json"))["verified"]
    other = "0" * 64
    assert other in lakehouse("journal", "verify", "--expect", f"1:{other}", code=4)
    assert "9" in lakehouse("journal", "verify", "--expect", f"9:{other}", code=4)
    lakehouse("journal", "verify", "--expect", "yesterday", code=2)


def test_objects_are_read_and_the_damaged_one_is_named(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    assert json.loads(lakehouse("journal", "verify", "--objects", "--json"))["verified"]
    (blob,) = Path("bucket/datasets/t").rglob("*.parquet")
    body = blob.read_bytes()
    blob.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    assert "SHA-256" in lakehouse("journal", "verify", "--objects", code=4)
    blob.write_bytes(body + b"x")
    assert "bytes" in lakehouse("journal", "verify", "--objects", code=4)
    blob.unlink()
    assert "absent" in lakehouse("journal", "verify", "--objects", code=4)


def test_a_replay_stops_where_it_is_told_and_compares_checkpoints(lakehouse: Told) -> None:
    for number in range(3):
        lakehouse("ingest", csv(f"a\n{number}\n"), "--name", f"t{number}")
    replayed = json.loads(lakehouse("journal", "replay", "--to", "2", "--json"))
    assert (replayed["seq"], replayed["datasets"]) == (2, 2)
    assert (
        json.loads(lakehouse("journal", "replay", "--to", "2020-01-01T00:00:00Z", "--json"))["seq"]
        == 0
    )
    key = json.loads(lakehouse("journal", "checkpoint", "--json"))["checkpoint"]
    whole = json.loads(lakehouse("journal", "replay", "--diff", "--json"))
    assert whole["state_root"].startswith(key.split("-")[-1].removesuffix(".zst"))
    (Path("bucket") / key).write_bytes(b"damage")
    assert key in lakehouse("journal", "replay", "--diff", code=4)
    assert "stands alone" in lakehouse("journal", "replay", "--repair", "--to", "2", code=2)
    repaired = {"removed": 1, "checkpoints": 0, "packs": 0}
    assert json.loads(lakehouse("journal", "replay", "--repair", "--json")) == repaired
    assert not (Path("bucket") / key).exists()
    lakehouse("journal", "replay", "--diff")
    assert json.loads(lakehouse("journal", "head", "--json"))["seq"] == 3
    assert json.loads(lakehouse("journal", "pack", "--json")) == {"packs": []}


def test_a_lake_is_copied_and_the_copy_answers(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n2\n"), "--name", "t")
    copied = json.loads(lakehouse("journal", "export", "copy", "--json"))
    assert copied == {"objects": 1, "slots": 1, "copied": 2}
    assert json.loads(lakehouse("journal", "export", "copy", "--json"))["copied"] == 0
    told = lakehouse("sql", "SELECT sum(a) FROM t", "--bucket", "copy", "--json")
    assert json.loads(told)["rows"] == [[3]]
    roots = [
        json.loads(lakehouse("journal", "replay", "--bucket", bucket, "--json"))["state_root"]
        for bucket in ("bucket", "copy")
    ]
    assert roots[0] == roots[1]


def test_an_operator_s_events_are_recorded(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    noted = f"7:{'a' * 64}"
    words = ("journal", "adopt", "--previous", noted, "--note", "restored", "--json")
    assert json.loads(lakehouse(*words)) == {"seq": 2, "recorded": True}
    event = json.loads(lakehouse("journal", "events", "--type", "lake_adopted"))
    assert event["data"]["previous_seq"] == 7
    told = json.loads(lakehouse("journal", "raise-format", "1", "--json"))
    assert told == {"seq": 2, "recorded": False}
    assert "upgrade_required" in lakehouse("journal", "raise-format", "2", code=3)


def test_a_dropped_dataset_is_restored(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    lakehouse("restore", "t", "--as-of", "1", "--reason", "dropped by mistake")
    assert json.loads(lakehouse("show", "t", "--json"))["row_count"] == 1
    last = json.loads(lakehouse("history", "t", "--json").splitlines()[-1])
    assert (last["type"], last["reason"]) == ("dataset_restored", "dropped by mistake")
    assert "@" in last["actor"]
    lakehouse("restore", "t", "--as-of", "2", code=1)
    lakehouse("restore", "t", code=2)


def test_collection_tells_and_then_removes(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    assert "0 objects" in lakehouse("gc")
    told = json.loads(lakehouse("gc", "--older-than", "0s", "--json"))
    assert (told["dry_run"], told["object_count"]) == (True, 1)
    assert told["objects"][0]["object"] in lakehouse("gc", "--older-than", "0s")
    done = json.loads(lakehouse("gc", "--older-than", "0s", "--apply", "--json"))
    assert (done["marked"], done["deleted"], done["left"]) == (1, 1, 0)
    lakehouse("restore", "t", "--as-of", "1", code=1)
    lakehouse("gc", "--older-than", "soon", code=1)


def test_the_past_is_put_to_use_from_here_too(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("pin", "t@1", "--reason", "the audit")
    assert "the audit" in lakehouse("pins")
    lakehouse("drop", "t")
    assert "dropped" in lakehouse("diff", "--from", "1")
    assert "dataset_restored" in lakehouse("undo", "3")
    assert json.loads(lakehouse("undo", "3", "--apply", "--json"))["seq"] == 4
    assert json.loads(lakehouse("show", "t", "--json"))["row_count"] == 1
    lakehouse("undo", "3", code=1)
    lakehouse("unpin", "t@1")
    for words in (("pin", "t"), ("unpin", "t@x"), ("pin", "t@"), ("undo", "x")):
        lakehouse(*words, code=2)


def test_it_tells_what_would_be_had_something_never_happened(lakehouse: Told) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    told = json.loads(lakehouse("journal", "replay", "--without", "2", "--json"))
    assert [(row["name"], row["change"]) for row in told["datasets"]] == [("t", "added")]
    assert told["refused"] == []
    assert "dataset_not_found" in lakehouse("journal", "replay", "--without", "1")
    lakehouse("journal", "replay", "--without", "9", code=1)
    lakehouse("journal", "replay", "--without", "1,x", code=2)
    assert json.loads(lakehouse("journal", "head", "--json"))["seq"] == 2


def test_people_read_what_differs(lakehouse: Told, capsys: pytest.CaptureFixture[str]) -> None:
    lakehouse("ingest", csv("a,b\n1,2\n"), "--name", "t")
    lakehouse("ingest", csv("a,c\nx,2\ny,3\n"), "--name", "t", "--schema-change", "replace")
    lakehouse("ingest", csv("a\n1\n"), "--name", "u")
    changed = "changed  t     1 -> 2  +1 -1    a: int64 -> string, -b, +c: int64"
    added = "added    u     1       +1 -0"
    assert lakehouse("diff", "--from", "1").splitlines()[2:] == [changed, added]
    assert lakehouse("undo", "3").splitlines()[-1] == "dropped  u     1     +0 -1"
    assert "changed" in lakehouse("journal", "replay", "--without", "2")
    capsys.readouterr()
    assert lakehouse("diff", "--from", "3") == ""


def test_it_tells_what_brought_a_row(lakehouse: Told) -> None:
    first, second = csv("a,b\n1,x\n2,y\n", "one.csv"), csv("a,b\n3,z\n", "two.csv")
    lakehouse("ingest", first, "--name", "t", "--reason", "monday")
    lakehouse("ingest", second, "--name", "t", "--mode", "append", "--reason", "tuesday")
    both = json.loads(lakehouse("why", "t", "--json"))["objects"]
    assert [each["event"]["reason"] for each in both] == ["monday", "tuesday"]
    assert both[1]["source"]["size_bytes"] == len("a,b\n3,z\n")
    (found,) = json.loads(lakehouse("why", "t", "--row", "WHERE b = 'z'", "--json"))["objects"]
    assert (found["event"]["seq"], found["matching_rows"]) == (2, 1)
    assert "monday" in lakehouse("why", "t", "--row", "a < 3")
    assert lakehouse("why", "t", "--row", "a > 99") == ""
    lakehouse("why", "t", "--row", "nonsense(", code=1)
    for command in (("drop", "t"), ("restore", "t", "--as-of", "2"),
                    ("ingest", first, "--name", "t", "--mode", "append", "--reason", "friday"),
                    ("undo", "5", "--apply"), ("restore", "t", "--as-of", "5")):  # fmt: skip
        lakehouse(*command)
    uploads = json.loads(lakehouse("why", "t", "--json"))["objects"]
    assert [each["event"]["reason"] for each in uploads] == ["monday", "tuesday", "friday"]
    lakehouse("why", "u", code=1)
