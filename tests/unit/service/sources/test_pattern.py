"""Patterns of sources: what they match, and which are refused."""

import pytest

from lakehouse.domain.errors import RefusedError
from lakehouse.service.sources.pattern import checked_pattern


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        (
            "**/*.csv",
            ["a.csv", "x/a.csv", "x/y/a.csv"],
            ["a.CSV", "a.csv.gz", ".a.csv", ".x/a.csv"],
        ),
        ("*.csv", ["a.csv"], ["x/a.csv", ".a.csv"]),
        ("x/**/a", ["x/a", "x/y/a", "x/y/z/a"], ["a", "y/x/a", "x/.y/a"]),
        ("**/x/**/*", ["x/a", "y/x/z/a"], ["x", "a"]),
        ("2026-??/[ab].csv", ["2026-11/a.csv"], ["2026-1/a.csv", "2026-11/c.csv"]),
        (".in/*", [".in/a"], ["in/a", ".in/.a"]),
        ("a[!b].csv", ["ac.csv"], ["ab.csv"]),
        ("a+(b).csv", ["a+(b).csv"], ["aab.csv"]),
    ],
)
def test_a_pattern_matches_part_by_part(
    pattern: str, matched: list[str], others: list[str]
) -> None:
    found = checked_pattern(pattern)
    assert [key for key in matched + others if found.matches(key)] == matched


@pytest.mark.parametrize(
    ("pattern", "directory", "may"),
    [
        ("**/*.csv", "x/y", True),
        ("*.csv", "x", False),
        ("x/*/*.csv", "x", True),
        ("x/*/*.csv", "y", False),
        ("x/*/*.csv", "x/y/z", False),
        ("*.csv", "", True),
    ],
)
def test_directories_without_a_possible_match_are_left_out(
    pattern: str, directory: str, may: bool
) -> None:
    assert checked_pattern(pattern).may_match_below(directory) == may


@pytest.mark.parametrize(
    "pattern", ["", "/a", "a/", "a//b", "../a", "a/./b", "a**", "x/**", "a\n", "a/" * 40 + "b"]
)
def test_a_pattern_that_can_match_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(RefusedError) as raised:
        checked_pattern(pattern)
    assert raised.value.refused.code == "invalid_request"


def test_no_pattern_takes_long() -> None:
    """Each star would multiply the steps of a search that goes back."""
    assert not checked_pattern("*a" * 100 + "b").matches("a" * 255)
    assert not checked_pattern("**/" * 30 + "b").matches("a/" * 100 + "a")
