"""Copy what a step printed from its private spool to its log, without secrets, while it runs or later.

The log of the same spool has the same bytes whoever copies it, so an attempt whose conductor died is
copied again over what is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from platformstate.codec.characters import holds_refused
from platformstate.codec.safe import safe_text
from platformstate.errors import StateError
from platformstate.policy.redaction import Redactor, redacted_output
from platformstate.runner.opening import explained, folder_of, open_below, write_all

STDOUT_LINE: Final = b"--- stdout ---\n"
MAX_LOG_BYTES: Final = 512 * 1024
KEPT_END_BYTES: Final = 256 * 1024
MAX_CAPTURED_BYTES: Final = 16 * 1024
MAX_STDOUT_BYTES: Final = 1024 * 1024
_AT_ONCE_BYTES: Final = 1024 * 1024
_OF_A_FLOOD_BYTES: Final = 64 * 1024


class Output(NamedTuple):
    """What a step printed, redacted. `bytes` and `sha256` are of the whole text before the log is cut.

    `stdout` is there when it was kept apart: its first MiB. `capture_problem` says why it cannot be
    captured, None when it can; what is captured is `captured`.
    """

    bytes: int
    sha256: str
    stdout: str | None = None
    capture_problem: str | None = None

    @property
    def captured(self) -> str:
        """What a `capture` takes: stdout less one final newline."""
        return (self.stdout or "").removesuffix("\n")


class LogCopy:
    """The log of one attempt while it is written. `spools` are its descriptors: all, or stderr and stdout.

    `shown` is given each line once its end is there. Of a spool no more than its first `limit` bytes are
    taken: who printed more than it may is ended, and what it printed meanwhile is in nobody's way.
    """

    def __init__(
        self,
        root: Path,
        path: str,
        spools: Sequence[int],
        values: Sequence[str],
        shown: Callable[[str], None] | None = None,
        *,
        limit: int,
    ) -> None:
        self._root, self._path = root, path
        self._values, self._limit = values, limit
        self._shown, self._line = shown, ""
        self._spools = list(spools)
        self._is_stuck = False
        self._begin()
        with explained(path):
            self._log = open_below(root, path, os.O_RDWR | os.O_CREAT, make=True)

    def _begin(self) -> None:
        self._offset = self._written = 0
        self._redactor = Redactor(self._values)
        self._ends_line = True
        self._hash = sha256()

    def spooled(self) -> int:
        """Return how many bytes were printed so far."""
        return sum(os.fstat(spool).st_size for spool in self._spools)

    def copy(self) -> None:
        """Add to the log what is new in the spool: a part of it when there is much, so that time is kept.

        A log that cannot be written, on a full disk, does not stop the step: `finish` tries again.
        """
        if self._is_stuck:
            return
        try:
            behind = os.fstat(self._spools[0]).st_size - self._offset > _AT_ONCE_BYTES
            self._copy(self._spools[0], _OF_A_FLOOD_BYTES if behind else _AT_ONCE_BYTES)
        except StateError:
            self._is_stuck = True
            self._begin()

    def _copy(self, spool: int, at_most: int) -> bool:
        data = os.pread(spool, min(at_most, self._limit - self._offset), self._offset)
        self._offset += len(data)
        self._write(self._redactor.feed(data))
        return bool(data)

    def _write(self, text: str) -> None:
        if not text:
            return
        safe = safe_text(text)
        data = safe.encode("utf-8", "replace")
        with explained(self._path):
            os.lseek(self._log, self._written, os.SEEK_SET)
            write_all(self._log, data)
        self._written += len(data)
        self._ends_line = data.endswith(b"\n")
        self._hash.update(data)
        self._show(safe)

    def _show(self, text: str, *, rest: bool = False) -> None:
        if self._shown is None:
            return
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._shown(line)
        if rest and self._line:
            self._shown(self._line)

    def finish(self) -> Output:
        """Copy the rest, cut a log that is too long, and return what was printed. Raises disk_full."""
        self._finish_stream(self._spools[0])
        if len(self._spools) == 1:
            self._end()
            return Output(self._written, self._hash.hexdigest())
        if not self._ends_line:
            self._write("\n")
        self._write(STDOUT_LINE.decode())
        self._offset, self._redactor = 0, Redactor(self._values)
        self._finish_stream(self._spools[1])
        self._end()
        stdout, problem = self._stdout(self._spools[1])
        return Output(self._written, self._hash.hexdigest(), stdout, problem)

    def _finish_stream(self, spool: int) -> None:
        while self._copy(spool, _AT_ONCE_BYTES):
            pass
        if os.fstat(spool).st_size <= self._limit:  # else its end may be a part of what may not be shown
            self._write(self._redactor.finish())

    def _stdout(self, spool: int) -> tuple[str, str | None]:
        data = os.pread(spool, MAX_STDOUT_BYTES, 0)
        text = redacted_output(data, self._values)
        return text, capture_problem(data, text)

    def _end(self) -> None:
        self._show("", rest=True)
        with explained(self._path):
            os.ftruncate(self._log, self._written)
            if self._written > MAX_LOG_BYTES:
                self._cut()
        os.close(self._log)
        self._log = -1

    def _cut(self) -> None:
        """Put the first and last part in place of the log in one step: a reader has the old or the new."""
        head = _whole_characters(os.pread(self._log, KEPT_END_BYTES, 0))
        tail = os.pread(self._log, KEPT_END_BYTES, self._written - KEPT_END_BYTES)
        tail = tail[next((at for at in range(4) if tail[at] & 0xC0 != 0x80), 0) :]
        left_out = self._written - len(head) - len(tail)
        line = f"--- {left_out} bytes left out, sha256 {self._hash.hexdigest()} ---\n"
        beside = f".ps-{Path(self._path).name}"
        with folder_of(self._root, self._path) as folder:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            cut = os.open(beside, flags, 0o644, dir_fd=folder)
            try:
                write_all(cut, head + (b"" if head.endswith(b"\n") else b"\n") + line.encode() + tail)
            finally:
                os.close(cut)
            os.replace(beside, Path(self._path).name, src_dir_fd=folder, dst_dir_fd=folder)

    def close(self) -> None:
        """Close the log when it was not finished."""
        if self._log >= 0:
            os.close(self._log)


def _whole_characters(data: bytes) -> bytes:
    """Return bytes less a last character of which only a part is there."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] & 0xC0 == 0xC0:
            return data[:-back] if len(data[-back:].decode("utf-8", "ignore")) == 0 else data
        if data[-back] < 0x80:
            break
    return data


def capture_problem(data: bytes, text: str) -> str | None:
    """Say why what a child printed cannot be captured; None when it can. `text` is it, redacted."""
    if len(data.removesuffix(b"\n")) > MAX_CAPTURED_BYTES or len(text) > MAX_CAPTURED_BYTES + 1:
        return f"it printed more than {MAX_CAPTURED_BYTES:,} bytes"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return f"byte {wrong.start} of what it printed is not UTF-8"
    if "\r" in text or holds_refused(text, json=True):
        return "it printed characters that no record may hold"
    return None
