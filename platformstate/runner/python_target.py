"""Call a job's Python function. Our interpreter runs this file by its path, with the standard library alone.

So nothing of this program is in the way of what the function imports. What cannot be imported is told in
a file beside the payload's.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any


class _Resolving:
    """Note that the target is not there when the block fails; the failure itself goes on."""

    def __init__(self, note: Path) -> None:
        self._note = note

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if kind is not None and issubclass(kind, Exception):
            self._note.write_text(kind.__name__)


def main(entry: str, path: str) -> None:
    """Import the entry's module below the source's folder, call its function, leave what it returns."""
    environ = os.environ
    payload = Path(environ["PLATFORMSTATE_PAYLOAD_FILE"])
    sys.path.insert(0, os.path.join(environ["PLATFORMSTATE_ROOT"], path))
    with _Resolving(payload.with_suffix(".unresolved")):
        function = _function(entry)
    bindings = json.loads(Path(environ["PLATFORMSTATE_BINDINGS_FILE"]).read_text(encoding="utf-8"))
    context = SimpleNamespace(
        run_id=environ["PLATFORMSTATE_RUN"].rpartition("/")[2],
        job_id=environ["PLATFORMSTATE_JOB"],
        slot=environ["PLATFORMSTATE_SLOT"] or None,
        attempt=int(environ["STEP_ATTEMPT"]),
        artifacts_dir=Path(environ["PLATFORMSTATE_ARTIFACTS_DIR"]),
        idempotency_key=environ["STEP_IDEMPOTENCY_KEY"],
    )
    returned = function(bindings, context)
    if returned is not None:
        payload.write_text(_text(returned), encoding="utf-8", errors="surrogatepass")


def _function(entry: str) -> Callable[[Any, Any], Any]:
    module, _, name = entry.partition(":")
    function: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    if not callable(function):
        raise TypeError(f"{entry} cannot be called")
    return function


def _text(returned: object) -> str:
    """Return the value as JSON; what is none is left as words that nobody takes for it."""
    try:
        return json.dumps(returned, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as failed:
        return f"the function's value is no JSON: {failed}"


if __name__ == "__main__":
    main(*sys.argv[1:])
