"""Connections to a server on a socket in the file system, for a lake that is open in this process."""

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection

from lakehouse.client.http import BLOCK_BYTES, CONNECTIONS


class UnixPool(urllib3.HTTPConnectionPool):
    """The connections to one socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", maxsize=CONNECTIONS, blocksize=BLOCK_BYTES, path=path)
        self.ConnectionCls = _UnixConnection


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._path = path

    def _new_conn(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error
        return connection
