"""POST /v1/catalog/refresh, and what happens to a derivation while other requests act."""

import asyncio
import threading
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from derivations import Fresh, derive, done, refresh, rows
from lake_server import Lake
from raw_http import Answer
from refusals import nothing_changes, refused
from running_queries import LONG, listed
from waiting import wait_until

from lakehouse.service.derivation import job


class TestRefresh:
    def test_nothing_happens_while_nothing_changes(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name = fresh()
        made = done(derive(lake, name, f"SELECT count(*) AS n FROM {base}"))
        with nothing_changes(lake):
            receipt = done(refresh(lake, name))
        assert (receipt["reused"], receipt["seq"]) == (True, made["seq"])
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))
        receipt = done(refresh(lake, name))
        assert (receipt["reused"], receipt["reads"][0]["seq"]) == (False, receipt["seq"] - 1)
        assert rows(lake, f"SELECT n FROM {name}") == [[4]]

    def test_another_definition_of_a_view_is_a_change(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        view, name = fresh(), fresh()
        done(lake.ask("PUT", f"/v1/catalog/view/{view}", {"sql": f"SELECT id FROM {base}"}))
        done(derive(lake, name, f"SELECT id FROM {view}"))
        assert done(refresh(lake, name))["reused"]
        sql = f"SELECT id FROM {base} WHERE id > 1"
        done(lake.ask("PUT", f"/v1/catalog/view/{view}", {"sql": sql}))
        assert done(refresh(lake, name))["row_count"] == 2

    def test_the_past_never_changes(self, lake: Lake, base: str, fresh: Fresh) -> None:
        then, name, other = done(lake.manifest(base))["seq"], fresh(), fresh()
        done(derive(lake, name, f"SELECT id FROM {base}", as_of=then))
        done(derive(lake, other, f"SELECT id FROM {base} AT (VERSION => {then})"))
        at_head = fresh()
        made = done(derive(lake, at_head, f"SELECT id FROM {base} AT (VERSION => {lake.head()})"))
        assert made["reads"][0]["as_of"] == made["seq"] - 1
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))
        with nothing_changes(lake):
            assert done(refresh(lake, name))["reused"]
            assert done(refresh(lake, other))["reused"]
            assert done(refresh(lake, at_head))["reused"]

    def test_a_system_view_is_always_another_one(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        made = done(derive(lake, name, "SELECT max(seq) AS seq FROM lake.events"))
        assert made["reads"][0]["name"] == "lake.events"
        assert not done(refresh(lake, name))["reused"]

    def test_parameters_are_those_of_the_derivation(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name = fresh()
        done(derive(lake, name, f"SELECT id FROM {base} WHERE id >= $least", params={"least": 2}))
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))
        done(refresh(lake, name))
        assert rows(lake, f"SELECT id FROM {name} ORDER BY 1") == [[2], [3], [4]]

    def test_only_a_replacement_can_be_refreshed(self, lake: Lake, base: str, fresh: Fresh) -> None:
        name = fresh()
        refused(refresh(lake, base), 409, "cannot_refresh")
        refused(refresh(lake, name), 404, "dataset_not_found")
        done(derive(lake, name, f"SELECT id FROM {base}", mode="append"))
        refused(refresh(lake, name), 409, "cannot_refresh")
        done(derive(lake, name, f"SELECT id FROM {base}"))
        assert done(refresh(lake, name))["reused"]
        done(lake.ingest(f"name={name}&mode=append", b"id\n9\n"))
        refused(refresh(lake, name), 409, "cannot_refresh")

    def test_a_renamed_dataset_takes_its_statement_along(
        self, lake: Lake, base: str, fresh: Fresh
    ) -> None:
        name, to = fresh(), fresh()
        done(derive(lake, name, f"SELECT id FROM {base}"))
        done(lake.ask("POST", "/v1/catalog/rename", {"name": name, "to": to}))
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))
        assert done(refresh(lake, to))["row_count"] == 4

    def test_a_cycle_is_refused(self, lake: Lake, base: str, fresh: Fresh) -> None:
        a, b = fresh(), fresh()
        done(derive(lake, a, f"SELECT id FROM {base}"))
        done(derive(lake, b, f"SELECT id FROM {a}"))
        with nothing_changes(lake):
            answer = refused(derive(lake, a, f"SELECT id FROM {b}"), 409, "derivation_cycle")
            assert f"{a} reads {b} reads {a}" in answer.json["detail"]
            refused(derive(lake, a, f"SELECT id FROM {a}"), 409, "derivation_cycle")
        done(derive(lake, a, f"SELECT id FROM {b}", as_of=done(lake.manifest(b))["seq"]))
        done(derive(lake, a, f"SELECT id FROM {b} AT (VERSION => {lake.head()})"))


class TestMeanwhile:
    def test_a_client_that_leaves_cancels_its_statement(self, lake: Lake, fresh: Fresh) -> None:
        name, body = fresh(), {"name": fresh(), "sql": LONG}
        with nothing_changes(lake):
            with closing(lake.connect()) as sock:
                headers = {"Query-Id": name}
                sock.sendall(lake.request("POST", "/v1/catalog/derive", body, headers))
                wait_until(lambda: name in listed(lake))
            wait_until(lambda: name not in listed(lake))
            ended = [each for each in lake.service.sql.queries.ended() if each.query_id == name]
            assert [each.state for each in ended] == ["abandoned"]

    def test_it_can_be_cancelled_by_its_id_and_another_one_has_to_wait(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name, answers = fresh(), list[Answer]()
        body = {"name": fresh(), "sql": LONG}
        ask = partial(lake.ask, "POST", "/v1/catalog/derive", body, {"Query-Id": name})
        asking = threading.Thread(target=lambda: answers.append(ask()))
        asking.start()
        wait_until(lambda: name in listed(lake))
        refused(derive(lake, fresh(), "SELECT 1 AS a"), 503, "busy")
        lake.ask("DELETE", f"/v1/queries/{name}")
        asking.join()
        refused(answers[0], 409, "query_cancelled")
        assert lake.spooled() == []

    def test_a_schema_that_changes_meanwhile_is_judged_again(
        self, lake: Lake, base: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, uploaded = fresh(), job.upload
        sql = f"SELECT id::INTEGER AS id FROM {base}"
        assert done(derive(lake, name, sql))["schema"][0]["type"] == "int32"
        other = partial(lake.ingest, f"name={name}&schema_change=replace", b"id\n5000000000\n")

        async def upload_late(*given: Any) -> Any:
            monkeypatch.setattr(job, "upload", uploaded)
            table = await uploaded(*given)
            done(await asyncio.to_thread(other))
            return table

        monkeypatch.setattr(job, "upload", upload_late)
        receipt = done(derive(lake, name, f"{sql} WHERE id > 1"))
        assert receipt["schema"][0]["type"] == "int64"
        assert rows(lake, f"SELECT id FROM {name} ORDER BY 1") == [[2], [3]]

    def test_a_statement_that_is_replaced_meanwhile_is_not_run_again(
        self, lake: Lake, base: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, uploaded = fresh(), job.upload
        done(derive(lake, name, f"SELECT id FROM {base}"))
        done(lake.ingest(f"name={base}&mode=append", b"id,region,amount\n4,n,1\n"))

        async def upload_late(*given: Any) -> Any:
            monkeypatch.setattr(job, "upload", uploaded)
            table = await uploaded(*given)
            done(await asyncio.to_thread(lake.ingest, f"name={name}", b"id\n99\n"))
            return table

        monkeypatch.setattr(job, "upload", upload_late)
        refused(refresh(lake, name), 409, "cannot_refresh")
        assert rows(lake, f"SELECT id FROM {name}") == [[99]]

    def test_what_it_reads_may_change_meanwhile(
        self, lake: Lake, base: str, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name, uploaded, seq = fresh(), job.upload, done(lake.manifest(base))["seq"]
        more = partial(lake.ingest, f"name={base}&mode=append", b"id,region,amount\n4,n,1\n")

        async def upload_late(*given: Any) -> Any:
            monkeypatch.setattr(job, "upload", uploaded)
            done(await asyncio.to_thread(more))
            return await uploaded(*given)

        monkeypatch.setattr(job, "upload", upload_late)
        receipt = done(derive(lake, name, f"SELECT id FROM {base}"))
        assert (receipt["row_count"], receipt["reads"][0]["seq"]) == (3, seq)
        assert done(refresh(lake, name))["row_count"] == 4
