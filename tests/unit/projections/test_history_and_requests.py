"""Links, anchors, and the idempotency keys that are remembered."""

import pytest
from builders import ACTOR, EMPTY, event, given, registered, slot, stored

from journal.access_events import PrincipalLimits, PrincipalPut
from journal.events import DatasetAppended, DatasetDropped, Source
from projections import history, idempotency
from projections.codec import decode_state, encode_state
from projections.fold import State, fold
from projections.idempotency import KeyedRequest


def test_each_event_of_a_dataset_links_to_the_one_before_across_a_drop() -> None:
    state = given(registered("W"), stored("x"), DatasetDropped("W", "id"), registered("w"))
    assert dict(state.history.links) == {"dataset:w": (4, 4)}
    assert event(state, registered("w")).about[0].prev == (4, 4)


def test_links_within_one_slot_name_that_slot() -> None:
    both = slot(EMPTY, registered("w"), DatasetDropped("w", "id"))
    assert both.events[1].about[0].prev == (1, 1)
    assert history.previous(both.events[1], "dataset:w") == ((1, 1), "dataset:w")
    assert history.previous(both.events[0], "dataset:w") == (None, "dataset:w")


def test_every_so_many_slots_there_is_an_anchor_to_look_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "ANCHOR_EVERY", 4)
    state = EMPTY
    for number in range(10):
        state = fold(state, slot(state, stored(f"a{number}"), stored(f"b{number}")))
    assert [anchor.position for _, anchor in sorted(state.history.anchors.items())] == [1, 5, 9]
    for seq in range(1, 21):
        first, last = history.between(state.history, seq, 10)
        assert first <= (seq + 1) // 2 <= last
        assert last - first < 4
    first, last = history.between_times(state.history, "2026-01-01T00:00:06.500000Z", 10)
    assert first <= 6 <= last
    assert history.between_times(state.history, "2020", 10) == (0, 0)


def found(state: State, key: str, actor: str = ACTOR, request: str = "r") -> KeyedRequest | None:
    return idempotency.find(state.requests, state.access, actor, key, request)


def test_all_actors_of_an_open_lake_share_their_keys() -> None:
    state = fold(EMPTY, slot(EMPTY, event(EMPTY, stored("a"), key="k", request="r1")))
    seen = found(state, "k")
    assert seen is not None
    assert (seen.request, seen.position, seen.seq) == ("r1", 1, 1)
    assert found(state, "k", "another") == seen


def test_a_principal_has_keys_of_its_own_and_the_requests_that_it_sent_before() -> None:
    state = fold(EMPTY, slot(EMPTY, event(EMPTY, stored("a"), key="k", request="r1")))
    first = PrincipalPut("root", "user", True, None, False, PrincipalLimits())
    state = fold(state, slot(state, event(state, first, key="init", request="r2")))
    assert found(state, "k") is None, "another request under the same key"
    assert found(state, "k", request="r1") is not None, "the same request"
    assert found(state, "init", request="r2") is not None
    state = fold(state, slot(state, event(state, stored("b"), key="k", request="r3")))
    seen = found(state, "k", request="r1")
    assert seen is not None
    assert seen.request == "r3"
    assert found(state, "k", "another", "r4") is None


def test_the_oldest_keyed_change_is_evicted_by_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "REMEMBERED", 2)
    state = EMPTY
    for key in ("k1", "k2", None, "k3"):
        state = fold(state, slot(state, event(state, stored("a"), key=key)))
    assert found(state, "k1") is None
    assert found(state, "k2") is not None
    assert len(state.requests.order) == 2


def test_a_key_that_comes_again_is_remembered_under_its_later_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "REMEMBERED", 2)
    state = EMPTY
    for key in ("k1", "k2", "k1"):
        state = fold(state, slot(state, event(state, stored("a"), key=key)))
    seen = found(state, "k1")
    assert seen is not None
    assert seen.seq == 3


def group(state: State, key: str, lines: str) -> State:
    source = Source("s", 1, (("lines", lines),))
    added = DatasetAppended("id", "d", "f", (), (), 0, source, (), ())
    return fold(state, slot(state, event(state, added, key=key)))


def test_of_a_stream_the_last_group_is_remembered_and_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "REMEMBERED", 2)
    state = fold(EMPTY, slot(EMPTY, event(EMPTY, stored("a"), key="other")))
    for number in range(1, 200):
        state = group(state, "stream", f"{number}-{number + 1}")
    seen = found(state, "stream")
    assert seen is not None
    assert (seen.next_line, seen.seq) == (200, 200)
    assert found(state, "other") is not None
    assert (len(state.requests.seen), len(state.requests.order)) == (2, 2)
    state = fold(state, slot(state, event(state, stored("b"), key="third")))
    assert found(state, "other") is None
    assert found(state, "stream") is not None
    for number in range(4):
        state = fold(state, slot(state, event(state, stored("c"), key=f"k{number}")))
    assert found(state, "stream") is None
    assert (len(state.requests.seen), len(state.requests.order)) == (2, 2)
    assert decode_state(b"".join(encode_state(state))) == state


def test_as_many_keyed_changes_are_remembered_as_are_allowed_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "REMEMBERED", 3)
    state = EMPTY
    for number in range(10):
        state = fold(state, slot(state, event(state, stored("a"), key=f"k{number}")))
        assert len(state.requests.seen) == min(number + 1, 3)
    assert (state.requests.count, state.requests.evicted) == (10, 7)
