"""A process that writes one checkpoint and one task, and prints the order of its system calls."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.store import records

CALLS: list[list[str]] = []


def _name(target: Any, folder: int | None = None) -> str:
    if isinstance(target, int):
        return os.readlink(f"/proc/self/fd/{target}")
    base = os.readlink(f"/proc/self/fd/{folder}") if folder is not None else os.getcwd()
    return os.path.join(base, os.fspath(target))


def _recorded(call: Callable[..., Any], names: Callable[..., list[str]]) -> Callable[..., Any]:
    def wrapped(*arguments: Any, **named: Any) -> Any:
        told = names(*arguments, **named)
        result = call(*arguments, **named)
        CALLS.append([call.__name__, *told])
        return result

    return wrapped


def _rename(old: Any, new: Any, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> list[str]:
    return [_name(old, src_dir_fd), _name(new, dst_dir_fd)]


def main(root: str) -> None:
    os.fsync = _recorded(os.fsync, lambda fd: [_name(fd)])
    os.rename = _recorded(os.rename, _rename)
    store = records.opened(Path(root))
    records.write_checkpoint(store, "gh-1", records.new_id(1))
    records.update_task(store, "gh-1", "second")
    sys.stdout.write(json.dumps(CALLS))


if __name__ == "__main__":
    main(sys.argv[1])
