"""Damage beneath a running process: found and named, no change is taken, the last good state read on.

How a head is looked at after idling, to the second, stands in tests/unit/commit; here one wait of
that length, in real time, is shared by all damages that only such a look can find.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from places import Place, Start
from process import Client, Lakehouse, wait_until

CORRUPT = 4
SLOTS = 6
POLLED_S, IDLED_S = 90.0, 180.0
"""At most: a poll comes every second, a whole verification after 30 s without a change."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A directory: beneath it everything can be changed, as the port's verbs cannot."""
    return Place(str(tmp_path / "bucket"), {})


def slot(bucket: Path, position: int) -> Path:
    return bucket / "_journal" / "slots" / f"{position:020d}.ndjson"


def change(path: Path) -> None:
    body = path.read_bytes()
    path.write_bytes(body.replace(b'"actor":"local"', b'"actor":"mallo"', 1))
    assert path.read_bytes() != body


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def swap(one: Path, other: Path) -> None:
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


def restore_older(bucket: Path) -> None:
    """The bucket as a backup after slot 3 would have it."""
    for position in range(4, SLOTS + 1):
        slot(bucket, position).unlink()


DAMAGES: dict[str, tuple[Callable[[Path], None], int]] = {
    "changed": (lambda bucket: change(slot(bucket, SLOTS)), SLOTS),
    "missing": (lambda bucket: slot(bucket, SLOTS).unlink(), SLOTS),
    "truncated": (lambda bucket: truncate(slot(bucket, SLOTS)), SLOTS),
    "reordered": (lambda bucket: swap(slot(bucket, SLOTS - 1), slot(bucket, SLOTS)), SLOTS),
    "restored": (restore_older, SLOTS),
    "lake": (lambda bucket: (bucket / "_journal" / "lake.json").unlink(), 0),
}
"""What is done to the bucket, and the position that a node finds at fault by looking at its ends."""


def test_damage_at_the_ends_is_found_by_a_process_that_only_reads(
    start: Start, tmp_path: Path
) -> None:
    victim = start()
    fill(victim.client)
    # One wait for all: each damage is done to a copy of the bucket, under a process of its own.
    assert victim.stop() == 0
    processes = {name: _on_a_copy(start, victim, tmp_path / name) for name in DAMAGES}
    for name, (damage, _) in DAMAGES.items():
        damage(Path(processes[name].bucket))
    for name, (_, position) in DAMAGES.items():
        expect_found(processes[name], position, IDLED_S)


@pytest.mark.parametrize(
    ("damage", "read", "verified"),
    [
        (lambda bucket: change(slot(bucket, 2)), 3, 3),
        (lambda bucket: slot(bucket, 2).unlink(), 2, 2),
        (lambda bucket: truncate(slot(bucket, 2)), 2, 2),
        # Both slots are at fault; the read meets the second first, on its way to where to begin.
        (lambda bucket: swap(slot(bucket, 2), slot(bucket, 3)), 3, 2),
    ],
    ids=["changed", "missing", "truncated", "reordered"],
)
def test_damage_in_the_past_is_found_when_it_is_read(
    lakehouse: Lakehouse, damage: Callable[[Path], None], read: int, verified: int
) -> None:
    fill(lakehouse.client)
    assert lakehouse.journal("verify")["seq"] == SLOTS
    damage(Path(lakehouse.bucket))
    answer = lakehouse.client.request("GET", "/v1/journal/events?after=0")
    assert (answer.status, answer.json["code"]) == (503, "journal_corrupt"), answer
    expect_found(lakehouse, read, POLLED_S)
    expect_verify_to_name(lakehouse, verified)


def test_a_slot_that_does_not_follow_is_found_by_the_poll(lakehouse: Lakehouse) -> None:
    fill(lakehouse.client)
    bucket = Path(lakehouse.bucket)
    shutil.copy(slot(bucket, 2), slot(bucket, SLOTS + 1))
    expect_found(lakehouse, SLOTS + 1, POLLED_S)
    expect_verify_to_name(lakehouse, SLOTS + 1)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda bucket: change(slot(bucket, 2)), 3),
        (lambda bucket: slot(bucket, 2).unlink(), 2),
        (lambda bucket: truncate(slot(bucket, SLOTS)), SLOTS),
        (lambda bucket: swap(slot(bucket, 2), slot(bucket, 3)), 2),
        (lambda bucket: (bucket / "_journal" / "lake.json").unlink(), 0),
    ],
    ids=["changed", "missing", "truncated", "reordered", "lake"],
)
def test_a_start_on_a_damaged_journal_ends_with_4_and_says_it_once(
    lakehouse: Lakehouse, damage: Callable[[Path], None], named: int
) -> None:
    fill(lakehouse.client)
    assert lakehouse.stop() == 0
    damage(Path(lakehouse.bucket))
    said = len(lakehouse.log())
    lakehouse.begin()
    assert lakehouse.ended() == CORRUPT
    lines = [line for line in lakehouse.log()[said:].splitlines() if line.strip()]
    assert len([line for line in lines if f"slot {named}:" in line]) == 1, lines
    assert not any("Traceback" in line for line in lines), lines
    expect_verify_to_name(lakehouse, named)


def test_a_slot_put_back_from_a_backup_mends_the_journal(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    fill(lakehouse.client)
    head = lakehouse.client.get("/v1/journal/head")
    backup = shutil.copy(slot(Path(lakehouse.bucket), 2), tmp_path)
    change(slot(Path(lakehouse.bucket), 2))
    expect_verify_to_name(lakehouse, 3)
    assert lakehouse.stop() == 0
    shutil.copy(backup, slot(Path(lakehouse.bucket), 2))
    assert lakehouse.journal("verify")["sha256"] == head["sha256"]
    lakehouse.start()
    assert lakehouse.client.put("after", b"x").seq == SLOTS + 1


def test_a_restored_copy_is_adopted_and_goes_on(lakehouse: Lakehouse) -> None:
    fill(lakehouse.client)
    head = lakehouse.client.get("/v1/journal/head")
    noted = f"{head['seq']}:{head['sha256']}"
    assert lakehouse.stop() == 0
    restore_older(Path(lakehouse.bucket))
    assert lakehouse.journal("verify")["seq"] == 3
    assert lakehouse.cli("journal", "verify", "--expect", noted).returncode == CORRUPT
    adopted = lakehouse.cli("journal", "adopt", "--previous", noted, "--note", "a test")
    assert adopted.returncode == 0, adopted
    lakehouse.start()
    assert lakehouse.client.events()[-1]["type"] == "lake_adopted"
    assert lakehouse.client.put("after", b"x").seq == 5


def fill(client: Client) -> None:
    for number in range(SLOTS - 1):
        assert client.put(f"k{number}", b"%d" % number).status == 200
    assert client.ingest("name=t", b"n\n1\n2\n").status == 200


def expect_found(lakehouse: Lakehouse, position: int, within_s: float) -> None:
    """`/ready` says where; changes are refused, reads and queries of the last good state are not."""
    client = lakehouse.client
    wait_until(lambda: client.request("GET", "/ready").status == 503, within_s, "it", lakehouse.log)
    reported = client.request("GET", "/ready").json
    assert reported["code"] == "journal_corrupt"
    assert reported["retryable"] is False
    assert f"slot {position}:" in reported["detail"], reported
    for refused in (client.put("new", b"x"), client.drop("t"), client.ingest("name=u", b"n\n1\n")):
        assert (refused.status, refused.json["code"]) == (503, "journal_corrupt"), refused
    assert client.request("GET", "/v1/storage/get/k1").body == b"1"
    assert client.sql("SELECT sum(n) FROM t")["rows"] == [[3]]
    assert [each["name"] for each in client.get("/v1/catalog/list")["datasets"]] == ["t"]
    assert client.request("GET", "/health").status == 200
    assert lakehouse.log().count("journal_unreadable") == 1


def expect_verify_to_name(lakehouse: Lakehouse, position: int) -> None:
    done = lakehouse.cli("journal", "verify")
    assert done.returncode == CORRUPT, done
    assert f"slot {position}:".encode() in done.stderr, done


def _on_a_copy(start: Start, source: Lakehouse, copy: Path) -> Lakehouse:
    shutil.copytree(source.bucket, copy)
    return start(str(copy))
