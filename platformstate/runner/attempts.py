"""What an attempt at a step leaves in the clone: start mark, step receipt, spools, values to keep back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from platformstate.codec.json_text import canonical_json
from platformstate.runner import processes
from platformstate.runner.leases import Lease
from platformstate.runner.opening import read_whole, write_private

_RECEIPT_KEYS: Final = ("attempt", "exit_code", "run", "step_index", "step_sha256")


class StartMark(NamedTuple):
    """The shim of an attempt began. `pid` leads its process group; `start` is 0 where nobody tells it.

    A mark that was not written whole still proves that the shim began: its `pid` is 0.
    """

    boot_id: str
    pid: int
    start: int


class AttemptFacts(NamedTuple):
    """What is proven of an attempt. `exit_code` is the receipt's, None without a valid one."""

    start: StartMark | None
    exit_code: int | None
    is_receipt_bad: bool

    @property
    def is_started_on_this_boot(self) -> bool:
        """Whether the shim began since this host was booted; only then does a mark count."""
        return self.start is not None and self.start.boot_id in (processes.boot_id(), "")


def attempt_facts(lease: Lease, index: int, attempt: int, step_sha256: str) -> AttemptFacts:
    """Return what the files of an attempt prove."""
    data = read_whole(lease.file(f"{index}.{attempt}.receipt"))
    exit_code = None if data is None else receipt_exit_code(data, lease.run, index, attempt, step_sha256)
    return AttemptFacts(start_mark(lease, index, attempt), exit_code, data is not None and exit_code is None)


def start_mark(lease: Lease, index: int, attempt: int) -> StartMark | None:
    """Return an attempt's start mark, None when its shim never began."""
    data = read_whole(lease.file(f"{index}.{attempt}.start"))
    if data is None:
        return None
    try:
        found = json.loads(data)
        return StartMark(str(found["boot_id"]), int(found["pid"]), int(found["start"]))
    except (ValueError, KeyError, TypeError):
        return StartMark("", 0, 0)


def start_marks(lease: Lease) -> list[StartMark]:
    """Return the start marks that stand in the run's files, those of any attempt."""
    if not lease.folder.is_dir():
        return []
    found = []
    for path in sorted(lease.folder.glob(f"{lease.local}.*.start")):
        index, _, attempt = path.name[len(lease.local) + 1 : -len(".start")].partition(".")
        if index.isdigit() and attempt.isdigit() and (mark := start_mark(lease, int(index), int(attempt))):
            found.append(mark)
    return found


def receipt_parts(run: str, index: int, attempt: int, step_sha256: str) -> tuple[str, str]:
    """Return the text of a step receipt before and after the exit code, which the shim puts in."""
    values = (attempt, 0, run, index, step_sha256)
    line = canonical_json(dict(zip(_RECEIPT_KEYS, values, strict=True))).decode()
    head, _, tail = line.partition('"exit_code":0')
    return f'{head}"exit_code":', tail


def receipt_exit_code(data: bytes, run: str, index: int, attempt: int, step_sha256: str) -> int | None:
    """Return the exit code that a step receipt states, None unless it is whole and of this attempt."""
    head, tail = receipt_parts(run, index, attempt, step_sha256)
    text = data.decode("utf-8", "replace")
    code = text.removeprefix(head).removesuffix(f"{tail}\n")
    if text != f"{head}{code}{tail}\n" or not (code.isascii() and code.isdigit()):
        return None
    return int(code) if int(code) <= 255 else None


def keep_values(lease: Lease, index: int, attempt: int, values: Sequence[str]) -> None:
    """Write the values to keep back beside the spool: whoever copies it may have another environment."""
    if values:
        data = json.dumps(list(values)).encode("ascii")
        write_private(lease.file(f"{index}.{attempt}.values"), data)


def kept_values(lease: Lease, index: int, attempt: int) -> tuple[str, ...]:
    """Return the values to keep back from the output of an attempt."""
    data = read_whole(lease.file(f"{index}.{attempt}.values"))
    found: Any = json.loads(data) if data else []
    return tuple(map(str, found))
