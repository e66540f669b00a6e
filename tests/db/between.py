"""What stands between a program and its server: it loses, keeps or holds back what it is told to, or is a pooler."""

from __future__ import annotations

import select
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from platformstate.actions.db_place import Wish
from platformstate.exporter.target import Flags
from tests.db.conftest import Mirror

COMMIT = b"COMMIT\0"
_SOCKET = ".s.PGSQL.5432"
_SIZE = 1 << 16


class Between:
    """Hands on what a client and its server say, each client in a thread of its own."""

    def __init__(self, server: Path, folder: Path) -> None:
        self._server = server
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _SOCKET))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no client any more."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._served, args=(client,), daemon=True).start()

    def _served(self, client: socket.socket) -> None:
        with suppress(OSError):
            self.serve(client)

    def connected(self) -> socket.socket:
        """Return one more connection to the server."""
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server / _SOCKET))
        return server

    def serve(self, client: socket.socket) -> None:
        """Serve one client until an end hangs up."""
        server = self.connected()
        ends = {client: server, server: client}
        while True:
            for ready in select.select(list(ends), [], [])[0]:
                data = ready.recv(_SIZE)
                if not data or (ready is client and self.ends(data, client, server)):
                    hang_up(client, server)
                    return
                ends[ready].sendall(data)

    def ends(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Say whether what the client says now is the last that is heard of it."""
        return False


class Forgetful(Between):
    """Loses the first message with a word in it, or its answer; the server's end stays until `free` is set."""

    word = COMMIT
    arrives = False

    def __init__(self, server: Path, folder: Path) -> None:
        self.met, self.free = threading.Event(), threading.Event()
        super().__init__(server, folder)

    def ends(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Hang up the client's end when the word is met for the first time."""
        if self.word not in data or self.met.is_set():
            return False
        self.met.set()
        if self.arrives:
            server.sendall(data)
            server.recv(_SIZE)
        hang_up(client)
        self.free.wait(30)
        return True

    def close(self) -> None:
        """Let go of the server's end as well."""
        self.free.set()
        super().close()


class Pooler(Between):
    """Gives each transaction of a client to the other of two sessions; nothing of a session lasts."""

    def __init__(self, server: Path, folder: Path) -> None:
        self.turns: list[int] = []
        super().__init__(server, folder)

    def _session(self, greeting: bytes) -> tuple[socket.socket, bytes]:
        """Return a session with the server that is ready, and what it said until then."""
        session = self.connected()
        session.sendall(greeting)
        said = b""
        while not _is_ready(said):
            said += session.recv(_SIZE)
        return session, said

    def serve(self, client: socket.socket) -> None:
        """Serve one client until an end hangs up."""
        greeting = client.recv(_SIZE)
        sessions = [self._session(greeting) for _ in range(2)]
        client.sendall(sessions[0][1])
        turn, heard = 0, b""
        self.turns.append(turn)
        while True:
            session = sessions[turn][0]
            for ready in select.select([client, session], [], [])[0]:
                data = ready.recv(_SIZE)
                if not data:
                    hang_up(client, *(one for one, _ in sessions))
                    return
                (session if ready is client else client).sendall(data)
                heard = b"" if ready is client else heard + data
            if _is_ready(heard):
                turn, heard = 1 - turn, b""
                self.turns.append(turn)


B = TypeVar("B", bound=Between)


@contextmanager
def reached_through(kind: type[B], pg: Mirror, lock_timeout: float = 10.0) -> Iterator[tuple[B, Mirror]]:
    """Give what stands before the server, and the mirror as it is reached through that."""
    assert pg.database is not None
    home = pg.database.conninfo.split()[0].removeprefix("host=")
    with tempfile.TemporaryDirectory(prefix="px", dir="/tmp") as folder:
        between = kind(Path(home), Path(folder))
        flags = Flags(dsn=pg.database.conninfo.replace(f"host={home}", f"host={folder}"))
        try:
            yield between, Mirror(pg.root, Wish(flags, lock_timeout=lock_timeout), pg.database)
        finally:
            between.close()


def hang_up(*ends: socket.socket) -> None:
    """End a conversation, however far it went."""
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _is_ready(said: bytes) -> bool:
    """Say whether a server's messages end outside of a transaction."""
    place, kind = 0, b""
    while place + 5 <= len(said):
        kind = said[place : place + 1]
        place += 1 + struct.unpack("!I", said[place + 1 : place + 5])[0]
    return place == len(said) and kind == b"Z" and said[-1:] == b"I"
