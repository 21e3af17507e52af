"""PEP 249 by the public suite `dbapi-compliance` (Stuart Bishop; public domain), against our module.

Its tables come by `writing_driver`: statements of a lake only read.
"""

import dbapi20
import pytest
from writing_driver import writing_driver


class TestCompliance(dbapi20.DatabaseAPI20Test):
    """Every test of the suite; the overridden ones are those that it leaves to a driver to decide."""

    driver = writing_driver()

    @pytest.fixture(autouse=True)
    def connected(self, url: str) -> None:
        self.connect_args = (url,)

    def test_non_idempotent_close(self) -> None:
        """PEP 249 does not say what a second `close` does, and the suite leaves it open: nothing."""
        connection = self._connect()
        connection.close()
        connection.close()

    def test_nextset(self) -> None:
        """Optional: a statement has one result."""
        assert not hasattr(self._connect().cursor(), "nextset")

    def test_setoutputsize(self) -> None:
        """Values are never cut, whatever size is asked for."""
        cursor = self._connect().cursor()
        cursor.setoutputsize(1)
        cursor.execute("SELECT repeat('x', 100)")
        assert len(cursor.fetchone()[0]) == 100
