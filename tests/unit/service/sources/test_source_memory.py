"""What a process remembers of a source: which files are due after a look."""

from lakehouse.service.sources.entries import Entry, Skipped
from lakehouse.service.sources.memory import (
    FIRST_S,
    LAST_S,
    MAX_SHOWN,
    Listing,
    Memory,
    SetAside,
    pause_s,
)


def entry(key: str, identity: str = "1", modified_ns: int = 0) -> Entry:
    return Entry(key, identity, modified_ns)


def look(
    memory: Memory,
    *entries: Entry,
    now_s: float = 0.0,
    received: dict[str, str] | None = None,
    is_whole: bool = False,
) -> list[str]:
    """The keys that are due after a look that lists these."""
    listing = Listing(memory, now_s, is_whole=is_whole)
    for each in entries:
        listing.add(each, (received or {}).get(each.key))
    listing.finish()
    return [each.key for each in listing.due]


def test_a_file_of_a_directory_is_due_when_two_looks_found_it_the_same() -> None:
    memory = Memory(1)
    assert look(memory, entry("a", "1")) == []
    assert look(memory, entry("a", "2")) == []
    assert memory.waiting == {"a": "2"}
    assert look(memory, entry("a", "2")) == ["a"]


def test_an_object_is_due_at_once() -> None:
    assert look(Memory(1), entry("a"), is_whole=True) == ["a"]


def test_a_version_that_came_in_is_not_due() -> None:
    memory = Memory(1)
    assert look(memory, entry("a", "1"), received={"a": "1"}, is_whole=True) == []
    assert (memory.listed, memory.waiting) == (1, {})
    assert look(memory, entry("a", "2"), received={"a": "1"}, is_whole=True) == ["a"]


def test_the_oldest_is_due_first_whatever_its_name() -> None:
    found = look(
        Memory(1),
        entry("a", modified_ns=2),
        entry("b", modified_ns=1),
        entry("c", modified_ns=1),
        is_whole=True,
    )
    assert found == ["b", "c", "a"]


def test_one_that_brings_nothing_is_not_due_until_it_changes() -> None:
    memory = Memory(1)
    memory.settled["a"] = "1"
    assert look(memory, entry("a", "1"), is_whole=True) == []
    assert memory.settled == {"a": "1"}
    assert look(memory, entry("a", "2"), is_whole=True) == ["a"]


def test_one_that_was_set_aside_is_due_after_its_pause_or_when_it_changes() -> None:
    memory = Memory(1)
    memory.aside["a"] = SetAside(entry("a", "1"), "malformed_csv", "line 2", 1, 10.0, "")
    assert look(memory, entry("a", "1"), now_s=9.0, is_whole=True) == []
    assert look(memory, entry("a", "1"), now_s=10.0, is_whole=True) == ["a"]
    assert list(memory.aside) == ["a"]
    assert look(memory, entry("a", "2"), now_s=0.0, is_whole=True) == ["a"]
    assert memory.aside == {}


def test_what_is_gone_is_forgotten() -> None:
    memory = Memory(1)
    look(memory, entry("a"))
    assert look(memory) == []
    assert (memory.waiting, memory.listed) == ({}, 0)


def test_what_is_due_waits_until_it_has_come_in() -> None:
    memory = Memory(1)
    look(memory, entry("a"), is_whole=True)
    assert memory.waiting == {"a": "1"}


def test_skipped_files_are_counted_and_some_shown() -> None:
    memory = Memory(1)
    listing = Listing(memory, 0.0, is_whole=True)
    for number in range(MAX_SHOWN + 5):
        listing.skip(Skipped(str(number), "a special file"))
    listing.finish()
    assert (memory.skipped_count, len(memory.skipped)) == (MAX_SHOWN + 5, MAX_SHOWN)


def test_pauses_double_up_to_an_hour() -> None:
    assert [pause_s(tries) for tries in (1, 2, 3)] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert pause_s(1_000) == LAST_S
