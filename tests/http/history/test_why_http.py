"""GET /v1/catalog/why/{name}: the uploads behind rows, through everything that moves rows."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from lake_server import Lake
from refusals import refused

from lakehouse.service.provenance import lineage, use_case

Fresh = Callable[[], str]
Told = list[tuple[int, list[list[list[int]]]]]


def done(answer: Any) -> Any:
    assert answer.status == 200, answer
    return answer.json


def post(lake: Lake, route: str, **body: Any) -> Any:
    return done(lake.ask("POST", f"/v1/catalog/{route}", body))


def why(lake: Lake, name: str, where: str | None = None, **query: Any) -> Told:
    """(event, rows of each object) of each upload."""
    if where is not None:
        query["where"] = where
    text = "&".join(f"{key}={quote(str(value))}" for key, value in query.items())
    found = done(lake.ask("GET", f"/v1/catalog/why/{name}?{text}"))
    return [
        (each["event"]["seq"], [part["rows"] for part in each["objects"]])
        for each in found["uploads"]
    ]


def ingest(lake: Lake, name: str, *values: int, mode: str = "append") -> int:
    body = "n\n" + "".join(f"{value}\n" for value in values)
    seq: int = done(lake.ingest(f"name={name}&mode={mode}", body.encode()))["seq"]
    return seq


def test_each_upload_with_its_file_and_its_rows(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    one, two = ingest(lake, name, 1, 2, 3), ingest(lake, name, 4, 5)
    assert why(lake, name) == [(one, [[[0, 3]]]), (two, [[[0, 2]]])]
    found = done(lake.ask("GET", f"/v1/catalog/why/{name}"))
    keys = [each["key"] for each in done(lake.manifest(name))["objects"]]
    assert [each["objects"][0]["key"] for each in found["uploads"]] == keys
    assert found["uploads"][1]["source"]["size_bytes"] == len("n\n4\n5\n")


def test_a_condition_chooses_rows(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    one, two = ingest(lake, name, 1, 2, 3, 1), ingest(lake, name, 4, 5)
    assert why(lake, name, "n = 1") == [(one, [[[0, 1], [3, 4]]])]
    assert why(lake, name, "WHERE n > 2") == [(one, [[[2, 3]]]), (two, [[[0, 2]]])]
    assert why(lake, name, "n > 99") == []
    for condition in ("nonsense(", "n = (SELECT 1)"):
        answer = lake.ask("GET", f"/v1/catalog/why/{name}?where={quote(condition)}")
        assert answer.status in (400, 403), answer


def test_the_past_has_its_own_answer(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    one = ingest(lake, name, 1, 2)
    ingest(lake, name, 3)
    ingest(lake, name, 9, mode="replace")
    assert why(lake, name, as_of=one) == [(one, [[[0, 2]]])]
    assert why(lake, name, "n = 2", as_of=one) == [(one, [[[1, 2]]])]
    refused(lake.ask("GET", f"/v1/catalog/why/{name}?as_of={one - 1}"), 404, "dataset_not_found")


def test_renames_swaps_and_restores_lead_to_the_upload(lake: Lake, fresh: Fresh) -> None:
    name, to, other = fresh(), fresh(), fresh()
    one, two = ingest(lake, name, 1), ingest(lake, other, 2)
    post(lake, "rename", name=name, to=to)
    ingest(lake, to, 7, mode="replace")
    post(lake, "restore", name=to, as_of=two + 1)
    assert why(lake, to) == [(one, [[[0, 1]]])]
    post(lake, "transaction", changes=[{"op": "swap", "a": to, "b": other}])
    assert (why(lake, to), why(lake, other)) == ([(two, [[[0, 1]]])], [(one, [[[0, 1]]])])


def test_a_change_set_brings_several_files(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    ids = [
        done(lake.ingest(f"name={name}&mode=append&stage=true", b"n\n%d\n" % number))["staged"]
        for number in (1, 2)
    ]
    changes = [{"op": "commit", "staged": each} for each in ids]
    seq = post(lake, "transaction", changes=changes)["seq"]
    assert why(lake, name) == [(seq, [[[0, 1]]]), (seq, [[[0, 1]]])]
    sources = done(lake.ask("GET", f"/v1/catalog/why/{name}"))["uploads"]
    assert len({each["source"]["sha256"] for each in sources}) == 2


def test_registered_objects_have_no_file(lake: Lake, fresh: Fresh) -> None:
    key, name = f"raw/{fresh()}", fresh()
    lake.put(key)
    seq = done(lake.register(name, key))["seq"]
    found = done(lake.ask("GET", f"/v1/catalog/why/{name}"))["uploads"]
    assert [(each["event"]["seq"], each["source"]) for each in found] == [(seq, None)]
    assert found[0]["objects"] == [{"key": key, "rows": []}]


def test_rewritten_objects_keep_their_uploads(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    one, two = ingest(lake, name, 1, 2, 3), ingest(lake, name, 4, 5)
    for gone in (2, 3):
        post(lake, "delete", name=name, where=f"n = {gone}")
    assert why(lake, name) == [(one, [[[0, 1]]]), (two, [[[0, 2]]])]
    assert why(lake, name, "n = 1") == [(one, [[[0, 1]]])]
    post(lake, "delete", name=name, where="n < 4")
    assert why(lake, name) == [(two, [[[0, 2]]])]


def test_through_a_chain_of_derivations_to_the_uploads(lake: Lake, fresh: Fresh) -> None:
    base, other, view, first, last = (fresh() for _ in range(5))
    one, two = ingest(lake, base, 1, 2), ingest(lake, other, 3)
    done(lake.ask("PUT", f"/v1/catalog/view/{view}", {"sql": f"SELECT n FROM {other}"}))
    post(lake, "derive", name=first, sql=f"SELECT n FROM {base} UNION ALL SELECT n FROM {view}")
    post(lake, "derive", name=last, sql=f"SELECT max(n) AS n FROM {first}")
    later = ingest(lake, base, 8)  # after it was read
    assert why(lake, last) == [(one, [[[0, 2]]]), (two, [[[0, 1]]])]
    assert why(lake, last, "n = 99") == []
    post(lake, "refresh", name=first)
    assert [seq for seq, _ in why(lake, first)] == [one, two, later]
    assert [seq for seq, _ in why(lake, last)] == [one, two]


def test_a_derived_append_adds_to_what_was_uploaded(lake: Lake, fresh: Fresh) -> None:
    base, name = fresh(), fresh()
    one, two = ingest(lake, base, 1, 2), ingest(lake, name, 3)
    post(lake, "derive", name=name, sql=f"SELECT n FROM {base}", mode="append")
    post(lake, "derive", name=name, sql=f"SELECT n + 10 AS n FROM {name}", mode="append")
    assert why(lake, name) == [(one, [[[0, 2]]]), (two, [[[0, 1]]])]
    assert why(lake, name, "n = 3") == [(two, [[[0, 1]]])]
    assert why(lake, name, "n = 2") == [(one, [[[0, 2]]])]


def test_answers_are_bounded(lake: Lake, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    base, name = fresh(), fresh()
    ingest(lake, base, *range(40))
    post(lake, "derive", name=name, sql=f"SELECT n FROM {base}")
    monkeypatch.setattr(use_case, "MAX_RANGES", 10)
    odd = lake.ask("GET", f"/v1/catalog/why/{base}?where={quote('n % 2 = 0')}")
    refused(odd, 413, "too_large")
    monkeypatch.setattr(lineage, "MAX_VERSIONS", 0)
    refused(lake.ask("GET", f"/v1/catalog/why/{name}"), 413, "too_large")


def test_a_compacted_object_names_the_rows_of_each_upload(lake: Lake, fresh: Fresh) -> None:
    name, made = fresh(), fresh()
    one, two = ingest(lake, name, 1, 2, 3), ingest(lake, name, 4, 5)
    post(lake, "derive", name=made, sql=f"SELECT n FROM {name}")
    post(lake, "compact", name=name)
    assert len(done(lake.manifest(name))["objects"]) == 1
    assert why(lake, name) == [(one, [[[0, 3]]]), (two, [[[3, 5]]])]
    assert why(lake, name, "n IN (3, 4)") == [(one, [[[2, 3]]]), (two, [[[3, 4]]])]
    assert post(lake, "refresh", name=made)["reused"]
