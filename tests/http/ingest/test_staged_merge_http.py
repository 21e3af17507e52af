"""Staged merges and overwrites: found when staged, committed only on the dataset as it was then."""

from collections.abc import Callable
from typing import Any

import pytest
from change_set_requests import stage, transaction
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
QUERIES = ("mode=merge&key=a", "mode=overwrite&where=a%3D2")


def commit(staged: Any, **more: Any) -> dict[str, Any]:
    return {"op": "commit", "staged": staged["staged"], **more}


def rows(lake: Lake, name: str) -> list[list[Any]]:
    found: list[list[Any]] = lake.sql(f"SELECT * FROM {name}").json["rows"]
    return found


@pytest.mark.parametrize("query", QUERIES)
class TestStaging:
    def test_it_is_committed_in_a_change_set(self, lake: Lake, fresh: Fresh, query: str) -> None:
        name, other = fresh(), fresh()
        lake.ingest(f"name={name}", b"a,x\n1,p\n2,q\n")
        head = lake.head()
        staged = stage(lake, f"name={name}&{query}", b"a,x\n2,new\n")
        assert (staged["rows_ingested"], staged["rows_removed"]) == (1, 1)
        beside = stage(lake, f"name={other}", b"a\n1\n")
        assert lake.head() == head
        answer = transaction(lake, commit(staged), commit(beside))
        assert answer.status == 200, answer
        assert lake.head() == head + 1
        assert rows(lake, name) == [[1, "p"], [2, "new"]]

    def test_a_dataset_that_has_changed_meanwhile_is_refused(
        self, lake: Lake, fresh: Fresh, query: str
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a,x\n1,p\n2,q\n")
        staged = stage(lake, f"name={name}&{query}", b"a,x\n2,new\n")
        lake.ingest(f"name={name}&mode=append", b"a,x\n7,z\n")
        with nothing_changes(lake):
            answer = refused(transaction(lake, commit(staged)), 409, "expectation_failed")
            assert answer.json["errors"][0]["change"] == 0
        lake.drop(name)
        with nothing_changes(lake):
            refused(transaction(lake, commit(staged)), 409, "expectation_failed")

    def test_one_that_was_absent_must_still_be_absent(
        self, lake: Lake, fresh: Fresh, query: str
    ) -> None:
        name = fresh()
        staged = stage(lake, f"name={name}&{query}", b"a,x\n2,new\n")
        lake.ingest(f"name={name}", b"a,x\n1,p\n")
        with nothing_changes(lake):
            refused(transaction(lake, commit(staged)), 409, "expectation_failed")
        lake.drop(name)
        assert transaction(lake, commit(staged)).status == 200
        assert rows(lake, name) == [[2, "new"]]

    def test_it_is_used_once_and_keeps_its_mode(self, lake: Lake, fresh: Fresh, query: str) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a,x\n1,p\n2,q\n")
        staged = stage(lake, f"name={name}&{query}", b"a,x\n2,new\n")
        with nothing_changes(lake):
            refused(transaction(lake, commit(staged, mode="append")), 400, "invalid_request")
        assert transaction(lake, commit(staged)).status == 200
        with nothing_changes(lake):
            refused(transaction(lake, commit(staged)), 404, "staged_not_found")

    def test_of_two_for_one_dataset_in_one_set_the_second_is_too_late(
        self, lake: Lake, fresh: Fresh, query: str
    ) -> None:
        name = fresh()
        lake.ingest(f"name={name}", b"a,x\n1,p\n2,q\n")
        first = stage(lake, f"name={name}&{query}", b"a,x\n2,new\n")
        second = stage(lake, f"name={name}&{query}", b"a,x\n2,newer\n")
        with nothing_changes(lake):
            answer = transaction(lake, commit(first), commit(second))
            assert refused(answer, 409, "expectation_failed").json["errors"][0]["change"] == 1


def test_what_would_be_refused_is_not_staged(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    with nothing_changes(lake):
        answer = lake.ingest(f"name={name}&mode=merge&key=a&stage=true", b"a\n1\n1\n")
        refused(answer, 422, "duplicate_key")
