"""One COPY at a time, left open while the next rows are made, so that the server works meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from typing import Final

import psycopg

from platformstate.exporter import pg_binary
from platformstate.exporter.pg_connect import Connection, sql

# To statement_timeout a COPY is one statement: it ends before the making of its rows can take long.
MOST_BYTES: Final = 1 << 23


class _Abandoned(Exception):
    """What the server is told of a COPY that is given up."""


class Copying:
    """Sends rows to one table after another; until `end` the connection does nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open: tuple[str, AbstractContextManager[psycopg.Copy], psycopg.Copy] | None = None
        self._sent = 0

    def write(self, statement: str, tuples: bytes) -> None:
        """Send tuples through a COPY statement, the open one if it is the same."""
        copy = self._begun(statement)
        copy.write(tuples)
        # The driver keeps the end of a message back, without which the server takes nothing of it.
        self._connection.pgconn.flush()
        self._sent += len(tuples)

    def _begun(self, statement: str) -> psycopg.Copy:
        if self._open is not None and self._open[0] == statement and self._sent < MOST_BYTES:
            return self._open[2]
        self.end()
        context = self._connection.cursor().copy(sql(statement))
        copy = context.__enter__()
        self._open, self._sent = (statement, context, copy), 0
        copy.write(pg_binary.HEADER)
        return copy

    def end(self) -> None:
        """Wait until the server has taken everything that was sent."""
        if self._open is not None:
            _, context, copy = self._open
            copy.write(pg_binary.TRAILER)
            self._open = None
            context.__exit__(None, None, None)

    def abandon(self) -> None:
        """Give up what is open; the transaction is to be rolled back."""
        if self._open is not None:
            _, context, _ = self._open
            self._open = None
            with suppress(psycopg.Error):
                context.__exit__(_Abandoned, _Abandoned(), None)
