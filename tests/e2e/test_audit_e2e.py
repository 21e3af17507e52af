"""The audit of real processes, on a directory and on S3: several chains, and a kill -9."""

import json

import pytest
from places import Start
from process import wait_until

STORED_S = 90.0


def entries(lakehouse: object) -> list[dict[str, object]]:
    done = lakehouse.cli("audit", "entries")  # type: ignore[attr-defined]
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("place", ["local", "s3"], indirect=True)
def test_what_was_stored_survives_a_kill_and_each_process_has_a_chain(start: Start) -> None:
    """kill -9 loses at most what was not stored yet; the next process begins a chain of its own."""
    first, second = start(), start()
    first.client.put("a", b"x")
    for number, process in enumerate((first, second)):
        answer = process.client.request(
            "GET", "/health", Host="evil.example", X_Request_Id=f"before-{number}"
        )
        assert answer.status == 403
    wait_until(lambda: len(entries(first)) == 2, STORED_S, "both batches", first.log)
    first.client.request("GET", "/health", Host="evil.example", X_Request_Id="lost")
    first.kill()
    first.start()
    first.client.request("GET", "/health", Host="evil.example", X_Request_Id="after")
    assert first.stop() == 0
    found = [str(each["request_id"]) for each in entries(second)]
    assert sorted(found) in (
        ["after", "before-0", "before-1"],
        ["after", "before-0", "before-1", "lost"],
    )
    done = second.cli("audit", "verify", "--json")
    assert done.returncode == 0, done
    report = json.loads(done.stdout)
    assert len(report["heads"]) >= 3
    assert report["entries"] == len(found)
