"""One key, one change: again, otherwise, by another, and after a restart."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal
from raw_http import Answer
from refusals import nothing_changes, refused

Fresh = Callable[[], str]


def keyed(key: str, **more: str) -> dict[str, str]:
    return {"Idempotency-Key": key} | {
        name.replace("_", "-"): value for name, value in more.items()
    }


def same(first: Answer, again: Answer) -> None:
    assert (again.status, again.body, again.seq) == (first.status, first.body, first.seq)


def test_a_put_sent_again_is_answered_from_then(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), keyed(fresh())
    first = lake.put(key, b"one", token)
    lake.put(key, b"two")
    with nothing_changes(lake):
        same(first, lake.put(key, b"one", token))
    assert lake.get(key).body == b"two", "the replay does not write again"


def test_if_none_match_does_not_stand_against_a_replay(lake: Lake, fresh: Fresh) -> None:
    key, headers = fresh(), keyed(fresh()) | {"If-None-Match": "*"}
    first = lake.put(key, b"one", headers)
    with nothing_changes(lake):
        same(first, lake.put(key, b"one", headers))


def test_a_delete_sent_again_forgets_nothing_new(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), keyed(fresh())
    lake.put(key)
    first = lake.delete(key, token)
    lake.put(key)
    with nothing_changes(lake):
        same(first, lake.delete(key, token))
    assert lake.get(key).status == 200


def test_a_view_sent_again_is_not_bound_again(lake: Lake, fresh: Fresh) -> None:
    base, view, token = fresh(), f"/v1/catalog/view/{fresh()}", keyed(fresh())
    lake.ingest(f"name={base}", b"a\n1\n")
    first = lake.ask("PUT", view, {"sql": f"FROM {base}"}, token)
    assert first.status == 200
    lake.drop(base)
    with nothing_changes(lake):
        same(first, lake.ask("PUT", view, {"sql": f"FROM {base}"}, token))


def test_register_and_drop_sent_again(lake: Lake, fresh: Fresh) -> None:
    name, making, dropping = fresh(), keyed(fresh()), keyed(fresh())
    made = lake.register(name, headers=making)
    dropped = lake.drop(name, dropping)
    with nothing_changes(lake):
        same(made, lake.register(name, headers=making))
        same(dropped, lake.drop(name, dropping))


def test_an_append_sent_again_adds_nothing(lake: Lake, fresh: Fresh) -> None:
    name, token = fresh(), keyed(fresh(), Content_Type="text/csv")
    query = f"name={name}&mode=append"
    first = lake.ingest(query, b"a\n1\n", token)
    lake.ingest(query, b"a\n2\n")
    with nothing_changes(lake):
        again = lake.ingest(query, b"a\n1\n", token)
    same(first, again)


def test_a_file_is_the_same_file_raw_or_in_a_form(lake: Lake, fresh: Fresh) -> None:
    name, token = fresh(), fresh()
    first = lake.ingest(f"name={name}", b"a\n1\n", keyed(token, Content_Type="text/csv"))
    body = b'--B\r\nContent-Disposition: form-data; name="file"\r\n\r\na\n1\n\r\n--B--\r\n'
    form = keyed(token, Content_Type="multipart/form-data; boundary=B")
    with nothing_changes(lake):
        same(first, lake.ingest(f"name={name}", body, form))


def test_parameters_in_another_order_are_the_same_request(lake: Lake, fresh: Fresh) -> None:
    name, token = fresh(), keyed(fresh(), Content_Type="text/csv")
    first = lake.ingest(f"name={name}&mode=append&null=x", b"a\n1\n", token)
    with nothing_changes(lake):
        same(first, lake.ingest(f"null=x&mode=append&name={name}", b"a\n1\n", token))


def test_the_same_key_written_otherwise_is_the_same_request(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), keyed(fresh())
    first = lake.put(f"{key}/a", b"one", token)
    with nothing_changes(lake):
        same(first, lake.put(f"{key}%2F%61", b"one", token))


def test_another_request_under_the_same_key_is_refused(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), keyed(fresh())
    lake.put(key, b"one", token)
    with nothing_changes(lake):
        for answer in (
            lake.put(key, b"two", token),
            lake.put(fresh(), b"one", token),
            lake.delete(key, token),
            lake.register(fresh(), headers=token),
            lake.ingest(f"name={fresh()}", b"a\n1\n", token | {"Content-Type": "text/csv"}),
            lake.drop(fresh(), token),
        ):
            refused(answer, 422, "idempotency_key_reused")


def test_the_same_request_of_another_actor_is_another_request(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), fresh()
    first = lake.put(key, b"one", keyed(token, X_Actor="ann"))
    with nothing_changes(lake):
        again = lake.put(key, b"one", keyed(token, X_Actor="bob"))
        refused(again, 422, "idempotency_key_reused")
        same(first, lake.put(key, b"one", keyed(token, X_Actor="ann")))


def test_principals_have_keys_of_their_own(own_lake: Lake) -> None:
    own_lake.token = closed(own_lake)
    token, ann = keyed("k"), principal(own_lake, "ann", {"storage:*": ["write"]})

    def sent_by_ann(body: bytes) -> Answer:
        return ann.ask("PUT", "/v1/storage/put/b", body, token)

    first, second = own_lake.put("a", b"one", token), sent_by_ann(b"two")
    assert second.seq == first.seq + 1
    with nothing_changes(own_lake):
        same(first, own_lake.put("a", b"one", token))
        same(second, sent_by_ann(b"two"))
        refused(sent_by_ann(b"three"), 422, "idempotency_key_reused")


def test_a_refusal_is_not_remembered(lake: Lake, fresh: Fresh) -> None:
    key, name, token = fresh(), fresh(), keyed(fresh())
    with nothing_changes(lake):
        refused(lake.register(name, key, headers=token), 422, "object_missing")
    lake.put(key)
    assert lake.register(name, key, headers=token).status == 200


def test_a_change_that_changes_nothing_is_not_remembered(lake: Lake, fresh: Fresh) -> None:
    key, token = fresh(), keyed(fresh())
    lake.put(key, b"one")
    with nothing_changes(lake):
        lake.put(key, b"one", token)
        lake.delete(fresh(), token)
    assert lake.put(key, b"two", token).status == 200, "the key is still unused"


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "é", "a\tb", "\x7f"], ids=repr)
def test_an_odd_key_is_refused(lake: Lake, fresh: Fresh, key: str) -> None:
    name = fresh()
    with nothing_changes(lake):
        answer = lake.ask("PUT", f"/v1/storage/put/{name}", b"x", {"Idempotency-Key": key})
        assert answer.status == 400, answer


@pytest.mark.parametrize("key", ["!", "~" * 128, '"quoted"', "0b5e7e2c-5f6a"])
def test_visible_ascii_is_a_key(lake: Lake, fresh: Fresh, key: str) -> None:
    name = fresh()
    first = lake.put(name, b"x", keyed(key))
    same(first, lake.put(name, b"x", keyed(key)))


def test_a_key_holds_across_restarts_and_on_every_node(tmp_path: Path) -> None:
    bucket = tmp_path / "bucket"
    with running_lake(bucket, queries=False) as lake:
        first = lake.put("k", b"one", keyed("token"))
        made = lake.ingest("name=t&mode=append", b"a\n1\n", keyed("t2", Content_Type="text/csv"))
        with running_lake(bucket, queries=False) as other:
            same(first, other.put("k", b"one", keyed("token")))
    with running_lake(bucket, queries=False) as lake:
        same(first, lake.put("k", b"one", keyed("token")))
        again = lake.ingest("name=t&mode=append", b"a\n1\n", keyed("t2", Content_Type="text/csv"))
        same(made, again)
        refused(lake.put("k", b"two", keyed("token")), 422, "idempotency_key_reused")
        assert lake.head() == 2


def test_of_many_at_once_one_makes_the_event(own_lake: Lake) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: own_lake.put("k", b"one", keyed("t")), range(12)))
    receipts = {answer.body for answer in answers if answer.status == 200}
    assert len(receipts) == 1
    assert {answer.status for answer in answers} <= {200, 503}
    assert own_lake.head() == 1
