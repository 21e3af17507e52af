"""A proxy that loses answers: it passes a request on, and cuts the connection before or within the answer."""

import random
import socket
import threading


class BreakingProxy:
    """Listens on a port of its own; each answer is lost with the probability `loses`."""

    def __init__(self, port: int, seed: int, loses: float) -> None:
        self._to = port
        self._random = random.Random(seed)
        self._loses = loses
        self.lost = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            sending = threading.Thread(target=_pass_on, args=(client, server), daemon=True)
            sending.start()
            while answer := server.recv(65_536):
                if self._random.random() < self._loses:
                    self.lost += 1
                    kept = self._random.choice([0, 20, len(answer) - 1])
                    client.sendall(answer[:kept])
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(answer)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
