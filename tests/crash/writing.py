"""What a writer does whom tests may kill: one write by the store, and what it came to on stdout."""

from __future__ import annotations

import json
import resource
import sys
import traceback
from pathlib import Path
from typing import Any

from platformstate.errors import StateError
from platformstate.store import Written
from tests.store import records


def write(request: dict[str, Any]) -> int:
    """Write what is asked, print the answer as JSON, and return the exit status of a command that wrote it."""
    if "max_file_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["max_file_bytes"], resource.RLIM_INFINITY))
    answer: dict[str, Any]
    try:
        written = _written(request)
        answer = {**written.as_json(), "exit": 6 if written.pending else 0}
    except StateError as error:
        answer = {"exit": error.exit_status, "code": error.code, "message": error.message}
    except BaseException:
        answer = {"exit": 70, "message": traceback.format_exc()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    json.dump(answer, sys.stdout)
    return int(answer["exit"])


def _written(request: dict[str, Any]) -> Written:
    if request["verb"] == "many":
        return [_written({**request, "verb": "checkpoint", "id": one}) for one in request["ids"]][-1]
    store = records.opened(Path(request["root"]), **request.get("settings", {}))
    if request["verb"] == "checkpoint":
        return records.write_checkpoint(store, request["task"], request["id"], request.get("words", "words"))
    return records.update_task(store, request["task"], request["title"])
