"""The last change of each client, so that its later requests are answered from a state that has it.

Owns a bounded number of clients; the one that was idle longest is removed first. Never holds a token.
"""

import hashlib
from collections import OrderedDict

MAX_CLIENTS = 10_000


class ChangesSeen:
    """The last change of each client that went through this gateway."""

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self._max_clients = max_clients
        self._seqs: OrderedDict[str, int] = OrderedDict()
        self._principals: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        """How many clients have made a change."""
        return len(self._seqs)

    def record(self, clients: tuple[str, ...], seq: int) -> None:
        """A client, under all of its names, has made the change `seq`."""
        for client in clients:
            self._put(self._seqs, client, max(seq, self._seqs.get(client, 0)))

    def last(self, clients: tuple[str, ...]) -> int:
        """The last change of a client under any of its names; 0 without one."""
        return max(self._seqs.get(client, 0) for client in clients)

    def learn(self, token: str, principal: str) -> None:
        """Store the principal of a token."""
        self._put(self._principals, token, principal)

    def principal(self, token: str) -> str | None:
        """The principal of a token, by its `token_name`; None if it is not known."""
        return self._principals.get(token)

    def _put(
        self, table: OrderedDict[str, int] | OrderedDict[str, str], name: str, value: int | str
    ) -> None:
        table[name] = value  # type: ignore[assignment]  # each table has values of one type
        table.move_to_end(name)
        if len(table) > self._max_clients:
            table.popitem(last=False)


def token_name(authorization: str) -> str:
    """The hash that identifies a header Authorization here."""
    return "token:" + hashlib.sha256(authorization.encode("utf-8", "surrogateescape")).hexdigest()
