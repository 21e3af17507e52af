"""The last change of each client."""

from lakehouse.gateway.changes_seen import ChangesSeen, token_name


def test_a_client_s_last_change_counts_under_each_of_its_names() -> None:
    seen = ChangesSeen()
    seen.record(("token:a", "principal:ana"), 7)
    seen.record(("token:b", "principal:ana"), 5)
    assert seen.last(("token:c", "principal:ana")) == 7
    assert seen.last(("token:b",)) == 5
    assert seen.last(("address:10.0.0.1",)) == 0


def test_memory_is_bounded_and_the_least_recent_is_forgotten() -> None:
    seen = ChangesSeen(max_clients=2)
    for number, client in enumerate(("a", "b", "a", "c"), 1):
        seen.record((client,), number)
        seen.learn(f"token of {client}", client)
    assert len(seen) == 2
    assert [seen.last((client,)) for client in "abc"] == [3, 0, 4]
    assert [seen.principal(f"token of {client}") for client in "abc"] == ["a", None, "c"]


def test_a_token_is_not_held() -> None:
    assert "s3cret" not in token_name("Bearer lh_a_s3cret")
    assert token_name("Bearer lh_a_s3cret") != token_name("Bearer lh_a_other")
