"""The command line on the journal, the past, collection and copies."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine, csv

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_a_journal_is_checked_against_a_head_that_was_noted(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    head = json.loads(lakehouse("journal", "head", "--json"))
    noted = f"{head['seq']}:{head['sha256']}"
    lakehouse("ingest", csv("a\n2\n"), "--name", "t")
    assert json.loads(lakehouse("journal", "verify", "--expect", noted, "--json"))["verified"]
    other = "0" * 64
    assert other in lakehouse("journal", "verify", "--expect", f"1:{other}", code=4)
    assert "9" in lakehouse("journal", "verify", "--expect", f"9:{other}", code=4)
    lakehouse("journal", "verify", "--expect", "yesterday", code=2)


def test_objects_are_read_and_the_damaged_one_is_named(lakehouse: CommandLine) -> None:
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


def test_a_replay_stops_where_it_is_told_and_compares_checkpoints(lakehouse: CommandLine) -> None:
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
    assert json.loads(lakehouse("journal", "verify", "--json"))["damaged_caches"] == []
    (Path("bucket") / key).write_bytes(b"damage")
    assert json.loads(lakehouse("journal", "verify", "--json"))["damaged_caches"] == [key]
    assert f"{key} is damaged. It is a cache" in lakehouse.messages
    assert key in lakehouse("journal", "replay", "--diff", code=4)
    assert "cannot be combined" in lakehouse("journal", "replay", "--repair", "--to", "2", code=2)
    repaired = {"removed": 1, "checkpoints": 0, "packs": 0}
    assert json.loads(lakehouse("journal", "replay", "--repair", "--json")) == repaired
    assert not (Path("bucket") / key).exists()
    lakehouse("journal", "replay", "--diff")
    assert json.loads(lakehouse("journal", "head", "--json"))["seq"] == 3
    assert json.loads(lakehouse("journal", "pack", "--json")) == {"packs": []}


def test_files_are_staged_and_committed_with_other_changes(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    staged = lakehouse("ingest", csv("a\n2\n"), "--name", "u", "--stage").strip()
    assert "t: renamed to v, event 2" in lakehouse("rename", "t", "v")
    changes = [{"op": "commit", "staged": staged}, {"op": "swap", "a": "u", "b": "v"}]
    Path("changes.json").write_text(json.dumps({"changes": changes, "expect": {"v": 2}}))
    assert (
        lakehouse("transaction", "changes.json") == "commit u\nswap u with v\n2 changes, event 3\n"
    )
    assert json.loads(lakehouse("show", "u", "--json"))["row_count"] == 1
    assert "changed" in lakehouse("transaction", "changes.json", code=1)
    Path("odd.json").write_text("{")
    assert "invalid_request" in lakehouse("transaction", "odd.json", code=1)
    assert "missing_file" in lakehouse("transaction", "absent.json", code=1)


def test_rows_are_deleted(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a,b\n1,x\n2,y\n3,x\n"), "--name", "t")
    words = ("delete", "t", "--where", "b = 'x'")
    assert lakehouse(*words, "--dry-run") == "t: 2 rows in 1 object would be deleted\n"
    assert lakehouse(*words) == "t: 2 rows in 1 object deleted, event 2\n"
    assert lakehouse(*words) == "t: 0 rows in 0 objects deleted\n"
    said = json.loads(lakehouse("delete", "t", "--where", "true", "--json"))
    assert said == {"rows_deleted": 1, "objects_rewritten": 1, "seq": 3}
    words = ("update", "t", "--set", "b=b || a", "--set", "a = a*2", "--where", "true")
    lakehouse("ingest", csv("a,b\n1,x\n2,y\n"), "--name", "t")
    assert lakehouse(*words, "--dry-run") == "t: 2 rows in 1 object would be updated\n"
    assert lakehouse(*words) == "t: 2 rows in 1 object updated, event 5\n"
    assert json.loads(lakehouse("sql", "FROM t", "--format", "json"))["rows"] == [
        [2, "x1"],
        [4, "y2"],
    ]
    assert "usage" in lakehouse("update", "t", "--set", "a", "--where", "true", code=2)
    misfit = lakehouse("update", "t", "--set", "a = 'x'", "--where", "true", code=1)
    assert "value_does_not_fit" in misfit
    assert "TRY_CAST" in misfit
    assert "--" not in misfit
    assert "LINE 1: nope" in lakehouse("delete", "t", "--where", "nope = 1", code=1)


def test_views_are_put_shown_listed_and_dropped(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a,b\n1,x\n"), "--name", "t")
    assert "v: put, event 2" in lakehouse("view", "put", "v", "SELECT a FROM t")
    safe = json.dumps({"of": "t", "unmasked": ["a"]})
    lakehouse("view", "put", "w", "--safe", safe, "--comment", "masked")
    assert lakehouse("view", "show", "v") == "SELECT a FROM t\n"
    listed = json.loads(lakehouse("view", "list", "--json"))["views"]
    assert [(each["name"], each["comment"]) for each in listed] == [("v", None), ("w", "masked")]
    assert json.loads(lakehouse("sql", "SELECT * FROM w", "--format", "json"))["rows"] == [
        [1, None]
    ]
    names = json.dumps({"names": {"x": {"to": "w"}}, "others": "hidden"})
    lakehouse("profile", "put", "p", names)
    assert json.loads(lakehouse("profile", "list", "--json"))["profiles"][0]["name"] == "p"
    under = lakehouse("sql", "SELECT a FROM x", "--profile", "p", "--format", "json")
    assert json.loads(under)["rows"] == [[1]]
    assert lakehouse("profile", "show", "p").strip() == names.replace(" ", "")
    lakehouse("profile", "drop", "p")
    lakehouse("profile", "put", "p", "{", code=1)
    lakehouse("view", "drop", "v")
    lakehouse("view", "show", "v", code=1)
    lakehouse("view", "put", "x", code=2)


def test_the_mask_key_goes_along_to_a_copy(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\nx\n"), "--name", "t")
    safe = json.dumps({"of": "t", "masks": {"a": "hash"}})
    lakehouse("view", "put", "v", "--safe", safe)
    lakehouse("journal", "export", "copy")
    key = Path("bucket/_access/mask.key").read_bytes()
    assert Path("copy/_access/mask.key").read_bytes() == key
    query = ("sql", "SELECT a FROM v", "--format", "json")
    assert lakehouse(*query) == lakehouse(*query, "--bucket", "copy")
    Path("bucket/_access/mask.key").unlink()
    assert "mask.key" in lakehouse(*query, code=4)


def test_a_lake_is_copied_and_the_copy_answers(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n2\n"), "--name", "t")
    copied = json.loads(lakehouse("journal", "export", "copy", "--json"))
    assert copied == {"objects": 1, "slots": 1, "copied": 2}
    assert json.loads(lakehouse("journal", "export", "copy", "--json"))["copied"] == 0
    reported = lakehouse("sql", "SELECT sum(a) FROM t", "--bucket", "copy", "--json")
    assert json.loads(reported)["rows"] == [[3]]
    roots = [
        json.loads(lakehouse("journal", "replay", "--bucket", bucket, "--json"))["state_root"]
        for bucket in ("bucket", "copy")
    ]
    assert roots[0] == roots[1]


def test_an_operator_s_events_are_recorded(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    noted = f"7:{'a' * 64}"
    words = ("journal", "adopt", "--previous", noted, "--note", "restored", "--json")
    assert json.loads(lakehouse(*words)) == {"seq": 2, "recorded": True}
    event = json.loads(lakehouse("journal", "events", "--type", "lake_adopted"))
    assert event["data"]["previous_seq"] == 7
    reported = json.loads(lakehouse("journal", "raise-format", "1", "--json"))
    assert reported == {"seq": 2, "recorded": False}
    assert "upgrade_required" in lakehouse("journal", "raise-format", "2", code=3)


def test_a_dropped_dataset_is_restored(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    lakehouse("restore", "t", "--as-of", "1", "--reason", "dropped by mistake")
    assert json.loads(lakehouse("show", "t", "--json"))["row_count"] == 1
    last = json.loads(lakehouse("history", "t", "--json").splitlines()[-1])
    assert (last["type"], last["reason"]) == ("dataset_restored", "dropped by mistake")
    assert "@" in last["actor"]
    lakehouse("restore", "t", "--as-of", "2", code=1)
    lakehouse("restore", "t", code=2)


def test_collection_tells_and_then_removes(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    assert "0 objects" in lakehouse("gc")
    reported = json.loads(lakehouse("gc", "--older-than", "0s", "--json"))
    assert (reported["dry_run"], reported["object_count"]) == (True, 1)
    assert reported["objects"][0]["object"] in lakehouse("gc", "--older-than", "0s")
    done = json.loads(lakehouse("gc", "--older-than", "0s", "--apply", "--json"))
    assert (done["marked"], done["deleted"], done["left"]) == (1, 1, 0)
    lakehouse("restore", "t", "--as-of", "1", code=1)
    lakehouse("gc", "--older-than", "soon", code=2)


def test_the_past_is_put_to_use_from_here_too(lakehouse: CommandLine) -> None:
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


def test_it_tells_what_would_be_had_something_never_happened(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    reported = json.loads(lakehouse("journal", "replay", "--without", "2", "--json"))
    assert [(row["name"], row["change"]) for row in reported["datasets"]] == [("t", "added")]
    assert reported["refused"] == []
    assert "dataset_not_found" in lakehouse("journal", "replay", "--without", "1")
    lakehouse("journal", "replay", "--without", "9", code=1)
    lakehouse("journal", "replay", "--without", "1,x", code=2)
    assert json.loads(lakehouse("journal", "head", "--json"))["seq"] == 2


def test_people_read_what_differs(
    lakehouse: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    lakehouse("ingest", csv("a,b\n1,2\n"), "--name", "t")
    lakehouse("ingest", csv("a,c\nx,2\ny,3\n"), "--name", "t", "--schema-change", "replace")
    lakehouse("ingest", csv("a\n1\n"), "--name", "u")
    changed = "changed  t     1 -> 2 (+2 -1)  +1 -1    a: int64 -> string, -b, +c: int64"
    added = "added    u     1               +1 -0"
    assert lakehouse("diff", "--from", "1").splitlines()[2:] == [changed, added]
    assert lakehouse("undo", "3").splitlines()[-1] == "dropped  u     1     +0 -1"
    assert "changed" in lakehouse("journal", "replay", "--without", "2")
    capsys.readouterr()
    assert lakehouse("diff", "--from", "3") == ""


def test_it_tells_what_brought_a_row(lakehouse: CommandLine) -> None:
    first, second = csv("a,b\n1,x\n2,y\n", "one.csv"), csv("a,b\n3,z\n", "two.csv")
    lakehouse("ingest", first, "--name", "t", "--reason", "monday")
    lakehouse("ingest", second, "--name", "t", "--mode", "append", "--reason", "tuesday")
    both = json.loads(lakehouse("why", "t", "--json"))["uploads"]
    assert [each["event"]["reason"] for each in both] == ["monday", "tuesday"]
    assert both[1]["source"]["size_bytes"] == len("a,b\n3,z\n")
    (found,) = json.loads(lakehouse("why", "t", "--row", "WHERE b = 'z'", "--json"))["uploads"]
    assert (found["event"]["seq"], found["objects"][0]["rows"]) == (2, [[0, 1]])
    (found,) = json.loads(lakehouse("why", "t", "--as-of", "1", "--json"))["uploads"]
    assert found["objects"][0]["rows"] == [[0, 2]]
    assert "monday" in lakehouse("why", "t", "--where", "a < 3")
    assert lakehouse("why", "t", "--row", "a > 99") == ""
    lakehouse("why", "t", "--row", "nonsense(", code=1)
    for command in (("drop", "t"), ("restore", "t", "--as-of", "2"),
                    ("ingest", first, "--name", "t", "--mode", "append", "--reason", "friday"),
                    ("undo", "5", "--apply"), ("restore", "t", "--as-of", "5")):  # fmt: skip
        lakehouse(*command)
    uploads = json.loads(lakehouse("why", "t", "--json"))["uploads"]
    assert [each["event"]["reason"] for each in uploads] == ["monday", "tuesday", "friday"]
    lakehouse("why", "u", code=1)
