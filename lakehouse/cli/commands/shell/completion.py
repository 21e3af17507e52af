"""Completes names and keywords at the prompt. Asks the lake once for each statement at most."""

import re

from lakehouse.client.error import Error
from lakehouse.client.lake import Lake

NAMES = """
SELECT dataset FROM lake.columns UNION SELECT name FROM lake.columns
UNION SELECT name FROM lake.datasets ORDER BY 1 LIMIT 100000
"""
KEYWORDS = (
    *("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "HAVING", "JOIN", "LEFT JOIN"),
    *("ON", "USING", "WITH", "UNION ALL", "DISTINCT", "COUNT(*)", "CASE", "WHEN", "THEN", "END"),
    *("BETWEEN", "IS NULL", "IS NOT NULL", "DESCRIBE", "SUMMARIZE", "EXPLAIN", "AT (VERSION => "),
)
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


class Completer:
    """The candidates for a word; for `readline.set_completer`."""

    def __init__(self, lake: Lake, commands: tuple[str, ...]) -> None:
        self._lake = lake
        self._commands = commands
        self._names: list[str] | None = None
        self._found: list[str] = []

    def forget(self) -> None:
        """Ask the lake again when the next word is completed: it may have changed."""
        self._names = None

    def __call__(self, word: str, number: int) -> str | None:
        """The candidate of this number; None after the last one."""
        if number == 0:
            self._found = self._candidates(word)
        return self._found[number] if number < len(self._found) else None

    def _candidates(self, word: str) -> list[str]:
        if word.startswith("\\"):
            return [each for each in self._commands if each.startswith(word)]
        if self._names is None:
            self._names = self._asked()
        lower = word.lower()
        names = [each for each in self._names if each.lower().startswith(lower)]
        return names + [each for each in KEYWORDS if each.lower().startswith(lower)]

    def _asked(self) -> list[str]:
        try:
            with self._lake.sql(NAMES) as result:
                found = [str(name) for (name,) in result.rows()]
        except Error:
            return []  # A lake that cannot be reached is reported when the statement is run.
        return [each if _PLAIN.fullmatch(each) else _quoted(each) for each in found]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
