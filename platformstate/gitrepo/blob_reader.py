"""Blobs read one at a time through one child, for histories that would not fit in memory at once."""

from __future__ import annotations

import subprocess
from collections import OrderedDict
from typing import IO, Final, Self

from platformstate.cost import COST
from platformstate.gitrepo.children import stream_git
from platformstate.gitrepo.objects import missing_object
from platformstate.gitrepo.repository import Repository

_KEPT_BYTES: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 1 << 20


class BlobReader:
    """An open way to read blobs; the child starts with the first question and ends with the block."""

    def __init__(self, repository: Repository, limit: int) -> None:
        self._repository, self._limit = repository, limit
        self._child: subprocess.Popen[bytes] | None = None
        self._kept: OrderedDict[str, bytes | int] = OrderedDict()
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        if self._child is not None:
            for pipe in (self._child.stdin, self._child.stdout):
                assert pipe is not None
                pipe.close()
            self._child.wait()

    def get(self, oid: str, path: str) -> bytes | int:
        """Return a blob's bytes, or its size alone when it is beyond the limit.

        Raises: history_missing when it is not in this clone; `path` is what the message names.
        """
        if oid not in self._kept:
            self._keep(oid, self._read(oid, path))
        self._kept.move_to_end(oid)
        return self._kept[oid]

    def _keep(self, oid: str, data: bytes | int) -> None:
        self._kept[oid] = data
        self._held += _weight(data)
        while self._held > _KEPT_BYTES and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._held -= _weight(gone)

    def _read(self, oid: str, path: str) -> bytes | int:
        asked, answers = self._pipes()
        asked.write(f"{oid}\n".encode("ascii"))
        asked.flush()
        words = answers.readline().decode("ascii", "replace").split()
        if len(words) != 3:
            raise missing_object(path)
        COST.read += 1
        return content(answers, int(words[2]), self._limit)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._child is None:
            self._child = stream_git(
                ["cat-file", "--batch"],
                cwd=self._repository.place,
                stdin=subprocess.PIPE,
                flags=self._repository.flags,
                extra=self._repository.extra,
            )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        return self._child.stdin, self._child.stdout


def content(answers: IO[bytes], size: int, limit: int) -> bytes | int:
    """Read an object's content as `cat-file --batch` answers it: its size alone when it is beyond the limit."""
    data = answers.read(size) if size <= limit else _skipped(answers, size)
    answers.read(1)
    return data


def _skipped(answers: IO[bytes], size: int) -> int:
    left = size
    while left > 0:
        left -= len(answers.read(min(left, _CHUNK_BYTES)))
    return size


def _weight(data: bytes | int) -> int:
    return 0 if isinstance(data, int) else len(data)
