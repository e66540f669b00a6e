"""A COPY for each batch of rows, whose end is not waited for: the server works while the next rows are made.

Source: "Command Execution Functions" and "Functions Associated with the COPY Command", libpq's manual.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.copy import LibpqWriter
from psycopg.errors import error_from_result
from psycopg.waiting import Ready, Wait

from platformstate.exporter import pg_binary
from platformstate.exporter.pg_connect import Connection, sql

Waiting = Generator[Wait, Ready | int, None]


class Copying:
    """Sends rows to one table after another; until `end` the connection does nothing else."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._unanswered = False

    def write(self, statement: str, tuples: bytes) -> None:
        """Send tuples through a COPY statement. Raises: psycopg.Error, also for the batch before."""
        self.end()
        cursor = self._connection.cursor()
        with cursor.copy(sql(statement), writer=_Unawaited(cursor)) as copy:
            copy.write(pg_binary.HEADER)
            copy.write(tuples)
            copy.write(pg_binary.TRAILER)
        self._unanswered = True

    def end(self) -> None:
        """Wait until the server has taken everything that was sent. Raises: psycopg.Error."""
        if self._unanswered:
            self._unanswered = False
            self._connection.wait(_answered(self._connection.pgconn))

    def abandon(self) -> None:
        """Give up what was sent; the transaction is to be rolled back."""
        with suppress(psycopg.Error):
            self.end()


class _Unawaited(LibpqWriter):
    """Says the end of a COPY and leaves the answer for later."""

    def finish(self, exc: BaseException | None = None) -> None:
        if exc is not None:
            super().finish(exc)
        else:
            self.connection.wait(_ended(self.connection.pgconn))


def _ended(pgconn: pq.abc.PGconn) -> Waiting:
    while pgconn.put_copy_end() == 0:
        yield Wait.W
    while pgconn.flush():
        yield Wait.W


def _answered(pgconn: pq.abc.PGconn) -> Waiting:
    failed = None
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            break
        if result.status != pq.ExecStatus.COMMAND_OK:
            failed = failed or result
    if failed is not None:
        raise error_from_result(failed)
