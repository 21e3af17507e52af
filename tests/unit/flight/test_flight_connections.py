"""Ending a client's connection: by its address alone."""

import socket
from contextlib import closing

import pytest

from lakehouse.flight.connections import abort, abort_all, address_of


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("ipv4:127.0.0.1:4000", ("127.0.0.1", 4000)),
        ("ipv6:%5B::1%5D:4000", ("::1", 4000)),
        ("ipv6:[::ffff:10.0.0.5]:4000", ("10.0.0.5", 4000)),
        ("ipv6:%5Bfe80::1%25eth0%5D:4000", ("fe80::1", 4000)),
        ("unix:/run/socket", None),
        ("ipv4:nonsense:1", None),
        ("ipv4:127.0.0.1:x", None),
        ("", None),
    ],
)
def test_the_name_that_grpc_gives_a_peer(peer: str, expected: tuple[str, int] | None) -> None:
    assert address_of(peer) == expected


def test_one_connection_is_ended_or_all_of_a_port() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(3)]
        accepted = [server.accept()[0] for _ in clients]
        peers = [f"ipv4:127.0.0.1:{each.getsockname()[1]}" for each in clients]
        assert not abort("ipv4:127.0.0.1:1", port)
        assert not abort(peers[0], port + 1)
        assert abort(peers[1], port)
        assert clients[1].recv(1) == b""
        clients[0].sendall(b"a")
        assert accepted[0].recv(1) == b"a"
        abort_all(port)
        assert clients[0].recv(1) == clients[2].recv(1) == b""
        for each in (*clients, *accepted):
            each.close()
