"""Writers as forks of a process that has the store imported."""

from __future__ import annotations

import json
import os
import resource
import traceback
from pathlib import Path
from typing import Any

import git.cmd  # noqa: F401  # what a writer would import before it commits

import platformstate.validation  # noqa: F401
from platformstate.errors import StateError
from platformstate.store import Written, protocol  # noqa: F401
from tests.store import records
from tests.zygote import serve


def _run(request: dict[str, Any]) -> Written:
    if request["verb"] == "many":
        return [_run({**request, "verb": "checkpoint", "id": one}) for one in request["ids"]][-1]
    store = records.opened(Path(request["root"]), **request.get("settings", {}))
    if request["verb"] == "checkpoint":
        return records.write_checkpoint(store, request["task"], request["id"], request.get("words", "words"))
    return records.update_task(store, request["task"], request["title"])


def _child(request: dict[str, Any]) -> None:
    os.setpgid(0, 0)
    os.environ |= request.get("env", {})
    if "max_file_bytes" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["max_file_bytes"], resource.RLIM_INFINITY))
    answer: dict[str, Any]
    try:
        written = _run(request)
        answer = {**written.as_json(), "exit": 6 if written.pending else 0}
    except StateError as error:
        answer = {"exit": error.exit_status, "code": error.code, "message": error.message}
    except BaseException:
        answer = {"exit": 70, "message": traceback.format_exc()}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    Path(request["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    os._exit(answer["exit"])


if __name__ == "__main__":
    serve(_child)
