"""Seeds in which processes hand changes over hold every promise."""

import pytest

from tests.simulation import seeds


@pytest.mark.parametrize("first", seeds.TOGETHER)
def test_every_promise_holds(first: int) -> None:
    seeds.check(first)
