"""What stands between a program and its server in many a house: a pooler in transaction mode."""

from __future__ import annotations

import select
import socket
import struct
import threading
from pathlib import Path


class Pooler:
    """Gives each transaction of a client to the other of two sessions; nothing of a session lasts."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self.turns: list[int] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no client any more."""
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _session(self, greeting: bytes) -> tuple[socket.socket, bytes]:
        """Return a session with the server that is ready, and what it said until then."""
        session = socket.socket(socket.AF_UNIX)
        session.connect(str(self._server / ".s.PGSQL.5432"))
        session.sendall(greeting)
        said = b""
        while not _is_ready(said):
            said += session.recv(65536)
        return session, said

    def _serve(self, client: socket.socket) -> None:
        greeting = client.recv(65536)
        sessions = [self._session(greeting) for _ in range(2)]
        client.sendall(sessions[0][1])
        turn, heard = 0, b""
        self.turns.append(turn)
        while True:
            session = sessions[turn][0]
            for ready in select.select([client, session], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    for each in (client, *(one for one, _ in sessions)):
                        each.close()
                    return
                (session if ready is client else client).sendall(data)
                heard = b"" if ready is client else heard + data
            if _is_ready(heard):
                turn, heard = 1 - turn, b""
                self.turns.append(turn)


def _is_ready(said: bytes) -> bool:
    """Say whether a server's messages end outside of a transaction."""
    place, kind = 0, b""
    while place + 5 <= len(said):
        kind = said[place : place + 1]
        place += 1 + struct.unpack("!I", said[place + 1 : place + 5])[0]
    return place == len(said) and kind == b"Z" and said[-1:] == b"I"
