"""The audit of lakes with other settings, with principals, after a stop, with an edited batch."""

import json
from pathlib import Path

import pytest
from audit_entries import entries
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Client
from refusals import refused


def test_an_empty_audit_can_be_queried(lake: Lake) -> None:
    assert lake.sql("SELECT count(*) AS n FROM lake.audit").json["rows"] == [[0]]


def test_gc_lists_no_batch_before_its_retention_and_deletes_it_after(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.put("a", b"x")
        lake.ask("GET", "/health", headers={"Host": "evil.example"})
        lake.run(lake.service.audit.log.close(10))
        (batch,) = (tmp_path / "bucket" / "_audit").rglob("*.zst")
        report = lake.ask("POST", "/v1/gc", {"dry_run": False, "older_than": "0s"}).json
        assert [report["objects"], report["foreign"]] == [[], []]
        assert batch.exists()
        old = tmp_path / "bucket" / "_audit" / "2020-01-01"
        batch.parent.rename(old)
        dry = lake.ask("POST", "/v1/gc", {"older_than": "0s"}).json
        assert [each["verdict"] for each in dry["objects"]] == ["expired"]
        assert (old / batch.name).exists()
        lake.ask("POST", "/v1/gc", {"dry_run": False, "older_than": "0s"})
        assert not (old / batch.name).exists()


@pytest.mark.parametrize("mode", ["off", "refusals"])
def test_the_setting_says_what_is_recorded(tmp_path: Path, mode: str) -> None:
    with running_lake(tmp_path / "bucket", queries=False, audit=mode) as lake:
        lake.put("a", b"x")
        lake.get("a")
        lake.ask("GET", "/health", headers={"Host": "evil.example"})
        found = [each["code"] for each in entries(lake)]
        assert found == ([] if mode == "off" else ["foreign_host"])


def test_a_clean_stop_stores_what_is_pending(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.put("a", b"x")
        lake.ask("GET", "/health", headers={"Host": "evil.example"})
    with running_lake(tmp_path / "bucket", queries=False) as again:
        assert [each["code"] for each in entries(again)] == ["foreign_host"]


def test_reads_end_when_the_audit_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_lake(tmp_path / "bucket", queries=False, audit="all") as lake:
        lake.put("a", b"x")
        assert lake.get("a").status == 200
        monkeypatch.setattr("lakehouse.audit.log.UNAVAILABLE_S", 0.0)
        answer = refused(lake.get("a"), 503, "audit_unavailable")
        assert answer.headers["Retry-After"]
        assert lake.put("b", b"x").status == 200
        assert lake.ask("GET", "/health").status == 200
        lake.run(lake.service.audit.log.close(10))
        assert lake.get("a").status == 200


def test_a_batch_that_was_edited_is_not_shown(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.put("a", b"x")
        lake.ask("GET", "/health", headers={"Host": "evil.example"})
        lake.run(lake.service.audit.log.close(10))
        (batch,) = (tmp_path / "bucket" / "_audit").rglob("*.zst")
        batch.chmod(0o600)
        batch.write_bytes(batch.read_bytes()[:-4])
        refused(lake.ask("GET", "/v1/audit/entries"), 500, "audit_corrupt")


def closed_lake(lake: Lake) -> str:
    """Give the lake an admin; the client then sends that token. Returns it."""
    lake.token = closed(lake)
    return lake.token


def test_refusals_name_who_was_proven_and_only_that(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        token = closed_lake(lake)
        reader = principal(lake, "rita", {"sales": ["read"]})
        anonymous = Client(lake.port)
        target = f"/v1/catalog/manifest/{token}"
        refused(anonymous.ask("GET", target), 401, "unauthenticated")
        wrong = {"Authorization": f"Bearer {token}x"}
        refused(anonymous.ask("GET", "/v1/catalog/list", headers=wrong), 401, "unauthenticated")
        refused(reader.ask("GET", "/v1/audit/entries"), 403, "forbidden")
        found = entries(lake)
        assert [each["code"] for each in found] == [*["unauthenticated"] * 2, "forbidden"]
        assert [each["principal"] for each in found] == [None, None, "rita"]
        assert [each["reads"] for each in found] == [[], [], []]
        assert found[2]["token"] == reader.token.split("_")[1]
        assert found[0]["route"] == "GET /v1/catalog/manifest/{name}"
        whole = json.dumps(found)
        for each in (token, reader.token):
            assert each.split("_")[2] not in whole


def test_too_many_failed_attempts_are_refused_sooner_and_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.web.app.MAX_FAILED", 3)
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        closed_lake(lake)
        anonymous = Client(lake.port)
        for _ in range(3):
            refused(anonymous.ask("GET", "/v1/catalog/list"), 401, "unauthenticated")
        for _ in range(3):
            answer = anonymous.ask("GET", "/v1/catalog/list")
            refused(answer, 429, "too_many_attempts")
            assert answer.headers["Retry-After"] == "60"
        assert lake.ask("GET", "/v1/catalog/list").status == 200
        assert anonymous.ask("GET", "/health").status == 200
        assert [each["status"] for each in entries(lake)] == [401, 401, 401, 429]


def test_what_was_hidden_behind_404_is_recorded_and_what_is_absent_is_not(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket", queries=False) as lake:
        lake.ingest("name=secret", b"a\n1\n")
        lake.ingest("name=open", b"a\n1\n")
        lake.put("raw/secret", b"x")
        closed_lake(lake)
        reader = principal(lake, "rita", {"open": ["read"]})
        for target in ("catalog/manifest/SECRET", "catalog/manifest/absent", "catalog/manifest/open",
                       "storage/get/raw/secret", "storage/get/raw/absent"):  # fmt: skip
            reader.ask("GET", f"/v1/{target}")
            lake.ask("GET", f"/v1/{target}")
        found = entries(lake)
        assert [each["reads"][0]["name"] for each in found] == ["SECRET", "raw/secret"]
        assert {(each["principal"], each["kind"], each["status"]) for each in found} == {
            ("rita", "refused", 404)
        }
